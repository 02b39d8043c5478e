//! The three token requests (NICE developer portal, "CXone authentication" for back-end applications, "UserHub" for
//! access keys alone; the client-credentials grant is the older API's).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use super::Cxone;
use super::claims::Claims;
use super::place::Login;
use super::refusal::refused_exchange;
use crate::platform::http::send;
use crate::rotation::{Clock, CxoneGrant, ErrorKind, IssuedToken, KeyPair, Result, RotationError, SystemClock};

const WHAT: &str = "the token request";
const USER_HUB: &str = "/authentication/v1/token/access-key";

impl Cxone {
    pub(super) async fn exchange(&self, grant: &CxoneGrant) -> Result<IssuedToken> {
        let login = Login::parse(&grant.login())?;
        let (place, request) = self.token_request(&login, grant).await?;
        let answer = send(request).await.map_err(|error| about_the_realm(error, &login))?;
        // The older API answers 201 as well.
        if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
            return Err(refused_exchange(&answer, &login, &place));
        }
        let token = answer.token(WHAT)?;
        let claimed = || left(&Claims::of(token.access_token.expose_secret()), SystemClock.now());
        let lifetime = token.lifetime.or_else(claimed).ok_or_else(|| answer.without_expiry(WHAT))?;
        Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime })
    }

    /// The request, and the host that it goes to.
    async fn token_request(&self, login: &Login, grant: &CxoneGrant) -> Result<(String, RequestBuilder)> {
        match (login, grant) {
            (Login::Issuer(issuer), CxoneGrant::BackEnd { client, access_key, .. }) => {
                let url = self.discovery.token_endpoint(*issuer).await?;
                Ok((issuer.host().to_owned(), self.back_end(&url, client, access_key)?))
            }
            (Login::Area(area), CxoneGrant::UserHub { access_key, .. }) => {
                let url = format!("{}{USER_HUB}", self.endpoints.login(&area.host()));
                Ok((area.host(), self.user_hub(&url, access_key)?))
            }
            (Login::Realm(realm), CxoneGrant::ClientCredentials { client, .. }) => {
                let url = format!("{}/oauth/token", self.endpoints.login(&realm.host()));
                Ok((realm.host(), self.client_credentials(&url, client)?))
            }
            _ => Err(RotationError::new(ErrorKind::DocumentInvalid, "the credentials do not go with their place")),
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

/// How long a token lives by its own account.
fn left(claims: &Claims, now: Timestamp) -> Option<Duration> {
    let seconds = claims.expires?.checked_sub(now.as_second())?;
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// A realm of the right form may still be none, and then there is no such host.
fn about_the_realm(error: RotationError, login: &Login) -> RotationError {
    let is_plain = error.kind() == ErrorKind::PlatformUnavailable && error.hint() == error.kind().hint();
    if matches!(login, Login::Realm(_)) && is_plain {
        return error.with_hint(
            "check the realm: there is no such host if it is wrong; otherwise try again, and check the way out (NAT, proxy, DNS, firewall)",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_counted_to_the_claimed_end() {
        let now = "2026-01-02T03:04:05Z".parse::<Timestamp>().expect("a valid timestamp");
        let claims = |expires: Option<i64>| Claims { expires, ..Claims::default() };
        assert_eq!(left(&claims(Some(now.as_second() + 3600)), now), Some(Duration::from_secs(3600)));
        for expires in [None, Some(now.as_second()), Some(0), Some(i64::MIN)] {
            assert_eq!(left(&claims(expires), now), None, "{expires:?}");
        }
    }
}
