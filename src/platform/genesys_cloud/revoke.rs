//! Revokes a token.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use super::{GenesysCloud, Region};
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::Result;
use crate::secret::SecretString;

const TOKENS_ME: &str = "/api/v2/tokens/me";

impl GenesysCloud {
    /// A token that the platform no longer accepts counts as revoked. A rejected network address does not, and neither does
    /// a web page, which comes from a proxy.
    pub(super) async fn revoke_token(&self, region: Region, token: &SecretString) -> Result<()> {
        let response = send(self.call(region, Method::DELETE, TOKENS_ME, token)?).await?;
        let is_dead = response.status == StatusCode::UNAUTHORIZED && response.code() == "bad.credentials";
        if (response.status.is_success() && !is_web_page(&response)) || is_dead {
            return Ok(());
        }
        Err(response.diagnose("revoking the token"))
    }
}

fn is_web_page(response: &PlatformResponse) -> bool {
    let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}
