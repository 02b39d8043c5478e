//! Proving that a token authenticates, and as whom.

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::{GenesysCloud, Region};
use crate::platform::http::{Answer, send};
use crate::rotation::{ErrorKind, Result};
use crate::secret::SecretString;

const USERS_ME: &str = "/api/v2/users/me";
pub(in crate::platform) const TOKENS_ME: &str = "/api/v2/tokens/me";

/// Whose token it is.
enum Bearer {
    User,
    Client,
}

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
    /// Two questions that do not depend on each other go out together; the first one's answer decides
    /// whether the second one's is needed.
    pub(super) async fn validate(&self, region: Region, client_id: &str, token: &SecretString) -> Result<()> {
        let users_me = self.call(region, Method::GET, USERS_ME, token)?;
        let tokens_me = self.call(region, Method::GET, TOKENS_ME, token)?;
        let (users_me, tokens_me) = tokio::join!(biased; send(users_me), send(tokens_me));
        match bearer_of(&users_me?)? {
            Bearer::User => Ok(()),
            Bearer::Client => confirm_owner(&tokens_me?, client_id),
        }
    }
}

/// A client's token is refused here for having no user, which proves that it authenticated.
fn bearer_of(answer: &Answer) -> Result<Bearer> {
    match answer.status {
        StatusCode::OK => {
            let user: User = answer.json(USERS_ME)?;
            if user.id.is_empty() {
                return Err(answer.error(ErrorKind::PlatformUnavailable, format!("{USERS_ME} named no user")));
            }
            Ok(Bearer::User)
        }
        StatusCode::BAD_REQUEST if answer.code() == "not.a.user" => Ok(Bearer::Client),
        _ => Err(answer.diagnose(USERS_ME)),
    }
}

fn confirm_owner(answer: &Answer, client_id: &str) -> Result<()> {
    if answer.status != StatusCode::OK {
        return Err(answer.diagnose(TOKENS_ME));
    }
    let info: TokenInfo = answer.json(TOKENS_ME)?;
    let Some(owner) = info.client else {
        return Err(answer.error(ErrorKind::PlatformUnavailable, format!("{TOKENS_ME} named no OAuth client")));
    };
    if owner.id.eq_ignore_ascii_case(client_id) {
        return Ok(());
    }
    Err(answer.error(
        ErrorKind::TokenOwnerMismatch,
        "the token belongs to another OAuth client than the one that asked for it",
    ))
}
