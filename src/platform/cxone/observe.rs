//! Observes the answers of CXone that the rotation depends on.

use reqwest::Method;
use secrecy::ExposeSecret;

use super::Cxone;
use super::claims::Claims;
use super::token::issued;
use super::validate::BUSINESS_UNIT;
use crate::platform::http::send;
use crate::platform::token_response::{TokenShape, presence};
use crate::rotation::{CxoneGrant, IssuedToken, KeyPair, Observation, Place, Result};
use crate::secret::SecretString;

/// A client and a token that do not exist.
const NOBODY: &str = "genesys-rotator-doctor";
const NOT_A_TOKEN: &str = "genesys-rotator-doctor-sends-no-token-here";

impl Cxone {
    pub(in crate::platform) async fn observe_issue(
        &self,
        grant: &CxoneGrant,
        tenant_id: Option<&str>,
    ) -> Result<(IssuedToken, Vec<Observation>)> {
        let (response, login, place) = self.request_token(grant).await?;
        let token = issued(&response, (&login, &place), tenant_id)?;
        let shape = TokenShape::of(&response);
        let is_jwt = Claims::of(token.access_token.expose_secret()) != Claims::default();
        let names_tenant = Claims::of(token.access_token.expose_secret()).tenant_id.is_some();
        let rejected = match self.request_token(&of_nobody(grant)).await {
            Ok((response, ..)) => response.status.as_u16().to_string(),
            Err(error) => error.kind().name().to_owned(),
        };
        let seen = vec![
            Observation::new("cxone.token.token_type", &["bearer", "Bearer"], &token.token_type),
            Observation::new("cxone.token.expires_in", &["a number", "a text", "absent"], shape.expires_in()),
            Observation::new("cxone.token.refresh_token", &["present", "absent"], shape.refresh_token()),
            Observation::new(
                "cxone.token.access_token",
                &["names the tenant", "a JWT without the tenant", "no JWT"],
                {
                    match (is_jwt, names_tenant) {
                        (_, true) => "names the tenant",
                        (true, false) => "a JWT without the tenant",
                        (false, false) => "no JWT",
                    }
                },
            ),
            Observation::new("cxone.token.id_token", &["present", "absent"], presence(shape.has_id_token())),
            Observation::new("cxone.token.unknown-client", &["400", "401"], rejected),
        ];
        Ok((token, seen))
    }

    pub(in crate::platform) async fn observe_token(
        &self,
        place: &Place,
        token: &SecretString,
    ) -> Result<Vec<Observation>> {
        let Place::Cxone(place) = place else { return Ok(Vec::new()) };
        let api = self.api_url(place, token).await?;
        let unit = send(self.call(&api, Method::GET, BUSINESS_UNIT, token)?).await?;
        let rejected = send(self.call(&api, Method::GET, BUSINESS_UNIT, &NOT_A_TOKEN.into())?).await?;
        Ok(vec![
            Observation::new("cxone.business-unit", &["200", "204"], unit.status_and_code()),
            Observation::new("cxone.invalid-token", &["401"], rejected.status.as_u16().to_string()),
        ])
    }
}

/// The same grant with a client or access key that does not exist.
fn of_nobody(grant: &CxoneGrant) -> CxoneGrant {
    let nobody = KeyPair { id: NOBODY.to_owned(), secret: NOT_A_TOKEN.into() };
    match grant.clone() {
        CxoneGrant::BackEnd { issuer, access_key, .. } => CxoneGrant::BackEnd { issuer, client: nobody, access_key },
        CxoneGrant::UserHub { area, .. } => CxoneGrant::UserHub { area, access_key: nobody },
        CxoneGrant::ClientCredentials { realm, .. } => CxoneGrant::ClientCredentials { realm, client: nobody },
    }
}
