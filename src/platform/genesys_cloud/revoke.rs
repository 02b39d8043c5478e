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
        if is_revoked(&response) { Ok(()) } else { Err(response.diagnose("revoking the token")) }
    }
}

fn is_revoked(response: &PlatformResponse) -> bool {
    let is_dead = response.status == StatusCode::UNAUTHORIZED
        && matches!(response.code().as_str(), "bad.credentials" | "credentials.expired")
        && !response.refuses_address();
    is_dead || (response.status.is_success() && !is_web_page(response))
}

fn is_web_page(response: &PlatformResponse) -> bool {
    let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn a_token_is_revoked_if_the_platform_says_so_or_does_not_accept_it() {
        let (json, page) = ("application/json", "text/html; charset=utf-8");
        for (status, content_type, code, expected) in [
            (200, json, "", true),
            (204, json, "", true),
            (200, page, "", false),
            (401, json, "bad.credentials", true),
            (401, json, "credentials.expired", true),
            (401, json, "ip.not.authorized", false),
            (500, json, "bad.credentials", false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            let body = format!(r#"{{"code":"{code}"}}"#).into_bytes().into();
            assert_eq!(
                is_revoked(&PlatformResponse { status, headers, body }),
                expected,
                "{status} {content_type} {code}"
            );
        }
    }
}
