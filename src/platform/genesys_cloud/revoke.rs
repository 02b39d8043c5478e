//! Ending a token's life.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use super::{GenesysCloud, Region};
use crate::platform::http::{Answer, send};
use crate::rotation::Result;
use crate::secret::SecretString;

const TOKENS_ME: &str = "/api/v2/tokens/me";

impl GenesysCloud {
    /// A token that is not accepted any more is as good as revoked; an address that is not accepted is not, and a
    /// page for people is the answer of somebody in between.
    pub(super) async fn revoke_token(&self, region: Region, token: &SecretString) -> Result<()> {
        let answer = send(self.call(region, Method::DELETE, TOKENS_ME, token)?).await?;
        let dead = answer.status == StatusCode::UNAUTHORIZED && answer.code() == "bad.credentials";
        if (answer.status.is_success() && !is_page(&answer)) || dead {
            return Ok(());
        }
        Err(answer.diagnose("revoking the token"))
    }
}

fn is_page(answer: &Answer) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}
