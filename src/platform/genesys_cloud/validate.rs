//! Validates a token: it authenticates, and belongs to the client.

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::{GenesysCloud, Region};
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{ErrorKind, Result};
use crate::secret::SecretString;

const USERS_ME: &str = "/api/v2/users/me";
pub(in crate::platform) const TOKENS_ME: &str = "/api/v2/tokens/me";

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct TokenInfo {
    #[serde(rename = "OAuthClient")]
    client: Option<OAuthClient>,
}

#[derive(Deserialize)]
struct OAuthClient {
    id: String,
}

impl GenesysCloud {
    /// Sends both requests at once. The first one shows that the token authenticates, the second one names its client.
    pub(super) async fn validate(&self, region: Region, client_id: &str, token: &SecretString) -> Result<()> {
        let users_me = self.call(region, Method::GET, USERS_ME, token)?;
        let tokens_me = self.call(region, Method::GET, TOKENS_ME, token)?;
        let (users_me, tokens_me) = tokio::join!(biased; send(users_me), send(tokens_me));
        confirm_authenticated(&users_me?)?;
        confirm_owner(&tokens_me?, client_id)
    }
}

/// 200 is the answer to a user's token. `not.a.user` means that a client's token authenticated: the request needs a user.
fn confirm_authenticated(response: &PlatformResponse) -> Result<()> {
    match response.status {
        StatusCode::OK => {
            let user: User = response.json(USERS_ME)?;
            if user.id.is_empty() {
                return Err(response.error(ErrorKind::PlatformUnavailable, format!("{USERS_ME} returned no user id")));
            }
            Ok(())
        }
        StatusCode::BAD_REQUEST if response.code() == "not.a.user" => Ok(()),
        _ => Err(response.diagnose(USERS_ME)),
    }
}

fn confirm_owner(response: &PlatformResponse, client_id: &str) -> Result<()> {
    if response.status != StatusCode::OK {
        return Err(response.diagnose(TOKENS_ME));
    }
    let info: TokenInfo = response.json(TOKENS_ME)?;
    let Some(owner) = info.client else {
        return Err(response.error(ErrorKind::PlatformUnavailable, format!("{TOKENS_ME} returned no OAuth client")));
    };
    if owner.id.eq_ignore_ascii_case(client_id) {
        return Ok(());
    }
    Err(response.error(
        ErrorKind::TokenOwnerMismatch,
        "the token belongs to another OAuth client than the one that requested it",
    ))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn kind(check: impl Fn(&PlatformResponse) -> Result<()>, status: StatusCode, body: &str) -> Option<ErrorKind> {
        let body = body.as_bytes().to_vec().into();
        check(&PlatformResponse { status, headers: HeaderMap::new(), body }).err().map(|error| error.kind())
    }

    #[test]
    fn a_token_authenticates_if_it_has_a_user_or_needs_one() {
        let unavailable = Some(ErrorKind::PlatformUnavailable);
        for (status, body, expected) in [
            (StatusCode::OK, r#"{"id":"user"}"#, None),
            (StatusCode::OK, r#"{"id":""}"#, unavailable),
            (StatusCode::BAD_REQUEST, r#"{"code":"not.a.user"}"#, None),
            (StatusCode::BAD_REQUEST, r#"{"code":"bad.request"}"#, unavailable),
            (StatusCode::UNAUTHORIZED, r#"{"code":"bad.credentials"}"#, Some(ErrorKind::TokenRejected)),
        ] {
            assert_eq!(kind(confirm_authenticated, status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_token_belongs_to_the_client_that_requested_it() {
        let confirm = |response: &PlatformResponse| confirm_owner(response, "client");
        for (status, body, expected) in [
            (StatusCode::OK, r#"{"OAuthClient":{"id":"CLIENT"}}"#, None),
            (StatusCode::OK, r#"{"OAuthClient":{"id":"other"}}"#, Some(ErrorKind::TokenOwnerMismatch)),
            (StatusCode::OK, "{}", Some(ErrorKind::PlatformUnavailable)),
            (StatusCode::CREATED, r#"{"OAuthClient":{"id":"client"}}"#, Some(ErrorKind::PlatformUnavailable)),
        ] {
            assert_eq!(kind(confirm, status, body), expected, "{status} {body}");
        }
    }
}
