//! The three token requests (NICE developer portal, "CXone authentication" for back-end applications, "UserHub" for
//! access keys alone; the client-credentials grant belongs to the legacy API).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use super::Cxone;
use super::claims::Claims;
use super::errors::exchange_error;
use super::place::LoginHost;
use super::validate::check_tenants;
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{Clock, CxoneGrant, ErrorKind, IssuedToken, KeyPair, Result, RotationError, SystemClock};

const WHAT: &str = "the token request";
const USER_HUB: &str = "/authentication/v1/token/access-key";

impl Cxone {
    /// Requests a token. The document's `tenant_id` names its tenant, else the access token, else the `id_token`.
    pub(super) async fn exchange(&self, grant: &CxoneGrant, tenant_id: Option<&str>) -> Result<IssuedToken> {
        let (response, login, place) = self.request_token(grant).await?;
        issued(&response, (&login, &place), tenant_id)
    }

    /// Sends a token request. Also returns the login and its host.
    pub(super) async fn request_token(&self, grant: &CxoneGrant) -> Result<(PlatformResponse, LoginHost, String)> {
        let login = LoginHost::parse(&grant.login())?;
        let (place, request) = self.token_request(&login, grant).await?;
        let response = send(request).await.map_err(|error| hint_at_realm(error, &login))?;
        Ok((response, login, place))
    }

    /// Returns the host and the request to it.
    async fn token_request(&self, login: &LoginHost, grant: &CxoneGrant) -> Result<(String, RequestBuilder)> {
        match (login, grant) {
            (LoginHost::Issuer(issuer), CxoneGrant::BackEnd { client, access_key, .. }) => {
                let url = self.discovery.token_endpoint(*issuer).await?;
                Ok((issuer.host().to_owned(), self.back_end(&url, client, access_key)?))
            }
            (LoginHost::Area(area), CxoneGrant::UserHub { access_key, .. }) => {
                let url = format!("{}{USER_HUB}", self.endpoints.login(&area.host()));
                Ok((area.host(), self.user_hub(&url, access_key)?))
            }
            (LoginHost::Realm(realm), CxoneGrant::ClientCredentials { client, .. }) => {
                let url = format!("{}/oauth/token", self.endpoints.login(&realm.host()));
                Ok((realm.host(), self.client_credentials(&url, client)?))
            }
            _ => Err(RotationError::new(
                ErrorKind::DocumentInvalid,
                "the credentials do not match the issuer, area or realm",
            )),
        }
    }

    fn back_end(&self, url: &str, client: &KeyPair, access_key: &KeyPair) -> Result<RequestBuilder> {
        let form =
            [("grant_type", "password"), ("username", &access_key.id), ("password", access_key.secret.expose_secret())];
        let request = self.http.request(Method::POST, url)?;
        Ok(request.basic_auth(&client.id, Some(client.secret.expose_secret())).form(&form))
    }

    fn user_hub(&self, url: &str, access_key: &KeyPair) -> Result<RequestBuilder> {
        let body = json!({"accessKeyId": access_key.id, "accessKeySecret": access_key.secret.expose_secret()});
        Ok(self.http.request(Method::POST, url)?.json(&body))
    }

    fn client_credentials(&self, url: &str, client: &KeyPair) -> Result<RequestBuilder> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client.id),
            ("client_secret", client.secret.expose_secret()),
        ];
        Ok(self.http.request(Method::POST, url)?.form(&form))
    }
}

/// Reads the token in the response to a token request.
pub(super) fn issued(
    response: &PlatformResponse,
    (login, place): (&LoginHost, &str),
    tenant_id: Option<&str>,
) -> Result<IssuedToken> {
    // The legacy API also returns 201.
    if !matches!(response.status, StatusCode::OK | StatusCode::CREATED) {
        return Err(exchange_error(response, login, place));
    }
    let token = response.token(WHAT)?;
    let claims = Claims::of(token.access_token.expose_secret());
    let claimed = || remaining(&claims, SystemClock.now());
    let lifetime = token.lifetime.or_else(claimed).ok_or_else(|| response.without_expiry(WHAT))?;
    let of_id_token = token.id_token.and_then(|token| Claims::of(&token).tenant_id);
    check_tenants(response, tenant_id, of_id_token.as_deref())?;
    let is_named = tenant_id.is_some() || claims.tenant_id.is_some();
    let tenant_id = of_id_token.filter(|_| !is_named);
    Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime, tenant_id })
}

/// Returns the remaining lifetime by the token's own claim.
fn remaining(claims: &Claims, now: Timestamp) -> Option<Duration> {
    let seconds = claims.expires?.checked_sub(now.as_second())?;
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// A wrong realm of valid form leads to a host that does not exist.
fn hint_at_realm(error: RotationError, login: &LoginHost) -> RotationError {
    let has_default_hint = error.kind() == ErrorKind::PlatformUnavailable && error.hint() == error.kind().hint();
    if matches!(login, LoginHost::Realm(_)) && has_default_hint {
        return error.with_hint(
            "check the realm: the host of a wrong realm does not exist; if the realm is correct, try again, and check outgoing access (NAT, proxy, DNS, firewall)",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::CxoneLogin;

    #[test]
    fn the_hint_of_a_realm_that_cannot_be_reached_is_to_check_the_realm() {
        let unreachable = || RotationError::new(ErrorKind::PlatformUnavailable, "no");
        let rejected = || RotationError::new(ErrorKind::CredentialsRejected, "no");
        let realm = CxoneLogin::Realm("us-22".to_owned());
        for (login, error, is_hinted) in [
            (&realm, unreachable(), true),
            (&realm, unreachable().with_hint("its own hint"), false),
            (&realm, rejected(), false),
            (&CxoneLogin::Area("na1".to_owned()), unreachable(), false),
        ] {
            let login = LoginHost::parse(login).expect("a known login");
            let error = hint_at_realm(error, &login);
            assert_eq!(error.hint().starts_with("check the realm"), is_hinted, "{login:?}: {error}");
        }
    }

    #[test]
    fn the_lifetime_ends_at_the_claimed_expiry() {
        let now = "2026-01-02T03:04:05Z".parse::<Timestamp>().expect("a valid timestamp");
        let claims = |expires: Option<i64>| Claims { expires, ..Claims::default() };
        assert_eq!(remaining(&claims(Some(now.as_second() + 3600)), now), Some(Duration::from_secs(3600)));
        for expires in [None, Some(now.as_second()), Some(0), Some(i64::MIN)] {
            assert_eq!(remaining(&claims(expires), now), None, "{expires:?}");
        }
    }
}
