//! Ending a token's life.

use reqwest::{Method, StatusCode};

use super::{GenesysCloud, Region};
use crate::platform::http::send;
use crate::rotation::Result;
use crate::secret::SecretString;

const TOKENS_ME: &str = "/api/v2/tokens/me";

impl GenesysCloud {
    /// A token that is not accepted any more is as good as revoked; an address that is not accepted is not.
    pub(super) async fn revoke_token(&self, region: Region, token: &SecretString) -> Result<()> {
        let answer = send(self.call(region, Method::DELETE, TOKENS_ME, token)?).await?;
        let dead = answer.status == StatusCode::UNAUTHORIZED && answer.code() == "bad.credentials";
        if answer.status.is_success() || dead {
            return Ok(());
        }
        Err(answer.diagnose("revoking the token"))
    }
}
