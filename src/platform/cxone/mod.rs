//! NICE CXone: one file per operation.

mod access_key;
mod claims;
mod discovery;
mod endpoint_cache;
mod errors;
#[cfg(feature = "operator")]
mod observe;
mod place;
mod token;
mod validate;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;

use self::claims::Claims;
use self::discovery::Discovery;
use self::errors::diagnose;
use self::place::LoginHost;
use crate::platform::endpoints::Endpoints;
use crate::platform::http::{HttpClient, PlatformResponse, bearer};
use crate::platform::probes::{Explanation, run_probes};
use crate::rotation::{CxoneGrant, CxoneLogin, CxonePlace, IssuedToken, Probe, Result};
use crate::secret::SecretString;

#[cfg(feature = "cli")]
pub(super) use self::validate::BUSINESS_UNIT;

/// The platform NICE CXone.
#[derive(Clone, Debug)]
pub struct Cxone {
    http: HttpClient,
    endpoints: Endpoints,
    discovery: Discovery,
}

/// Checks the issuer, area or realm and the tenant id of a place.
///
/// # Errors
/// `UnknownRegion` for an unknown issuer, area or realm; `DocumentInvalid` for an invalid tenant id.
pub(super) fn check_place(place: &CxonePlace) -> Result<()> {
    LoginHost::parse(&place.login)?;
    place.tenant_id.as_deref().map_or(Ok(()), place::check_tenant)
}

impl Cxone {
    /// Creates the platform with its own addresses, unless the operator overrides them.
    pub fn new(endpoints: Endpoints) -> Self {
        let http = HttpClient::new(endpoints.any_loopback());
        let discovery = Discovery::new(http.clone(), endpoints.clone());
        Self { http, endpoints, discovery }
    }

    /// Issues a token.
    pub(super) async fn issue(&self, grant: &CxoneGrant, tenant_id: Option<&str>) -> Result<IssuedToken> {
        // An invalid tenant id must fail before a token is issued.
        tenant_id.map_or(Ok(()), place::check_tenant)?;
        self.exchange(grant, tenant_id).await
    }

    /// Validates a token: it authenticates, belongs to the tenant, and every probe succeeds.
    pub(super) async fn verify(
        &self,
        login: &CxoneLogin,
        tenant_id: Option<&str>,
        token: &SecretString,
        probes: &[Probe],
    ) -> Result<()> {
        let place = CxonePlace { login: login.clone(), tenant_id: tenant_id.map(str::to_owned) };
        let api = self.api_url(&place, token).await?;
        self.validate(&api, tenant_id, token).await?;
        let explanation = Explanation { diagnose, code: PlatformResponse::cxone_code };
        run_probes(probes, |probe| self.call(&api, Method::GET, probe.path(), token), explanation).await
    }

    /// Returns the base address of the API for which a token is valid.
    pub(super) async fn api_url(&self, place: &CxonePlace, token: &SecretString) -> Result<String> {
        check_place(place)?;
        let claims = Claims::of(token.expose_secret());
        self.discovery.api_endpoint(LoginHost::parse(&place.login)?, place.tenant_id.as_deref(), &claims).await
    }

    /// Creates a request to the API with a token.
    fn call(&self, api: &str, method: Method, path: &str, token: &SecretString) -> Result<reqwest::RequestBuilder> {
        let request = self.http.request(method, &format!("{api}{path}"))?;
        Ok(request.header(AUTHORIZATION, bearer(token.expose_secret())?).header(ACCEPT, "application/json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::ErrorKind;

    #[test]
    fn a_place_has_a_known_login_and_a_valid_tenant() {
        for (area, tenant, expected) in [
            ("na1", None, None),
            ("na1", Some("t-1"), None),
            ("na9", None, Some(ErrorKind::UnknownRegion)),
            ("na1", Some("a&b"), Some(ErrorKind::DocumentInvalid)),
        ] {
            let login = CxoneLogin::Area(area.to_owned());
            let checked = check_place(&CxonePlace { login, tenant_id: tenant.map(str::to_owned) });
            assert_eq!(checked.err().map(|error| error.kind()), expected, "{area} {tenant:?}");
        }
    }
}
