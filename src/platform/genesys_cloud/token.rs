//! The token request (Genesys Cloud developer centre, "Client credentials grant").

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{GenesysCloud, Region};
use crate::platform::address::is_about_address;
use crate::platform::http::{PlatformResponse, send};
use crate::platform::response::plain_code;
use crate::rotation::{ErrorKind, IssuedToken, KeyPair, Result, RotationError};
use crate::secret::SecretString;

const WHAT: &str = "the token request";

#[derive(Deserialize, Default)]
struct OAuthError {
    error: Option<String>,
    description: Option<String>,
    error_description: Option<String>,
}

impl GenesysCloud {
    pub(super) async fn exchange(&self, region: Region, client: &KeyPair) -> Result<IssuedToken> {
        let response = self.request_token(region, client).await?;
        self.issued(&response, region).await
    }

    /// Sends a token request.
    pub(super) async fn request_token(&self, region: Region, client: &KeyPair) -> Result<PlatformResponse> {
        let url = format!("{}/oauth/token", self.endpoints.login(&region.login_host()));
        let request = self
            .http
            .request(Method::POST, &url)?
            .basic_auth(&client.id, Some(client.secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")]);
        send(request).await
    }

    /// Reads the token in the response to a token request.
    pub(super) async fn issued(&self, response: &PlatformResponse, region: Region) -> Result<IssuedToken> {
        if response.status != StatusCode::OK {
            return Err(exchange_error(response, region));
        }
        let token = response.token(WHAT)?;
        let Some(lifetime) = token.lifetime else {
            self.discard(region, &token.access_token).await;
            return Err(response.without_expiry(WHAT));
        };
        Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime, tenant_id: None })
    }

    /// Revokes an unusable token.
    async fn discard(&self, region: Region, token: &SecretString) {
        if let Err(error) = self.revoke_token(region, token).await {
            tracing::warn!(
                error.r#type = error.kind().name(),
                "an unusable token could not be revoked: {}",
                error.chain()
            );
        }
    }
}

/// The endpoint returns 400 both for a wrong secret and for too many requests; the description tells them apart.
fn exchange_error(response: &PlatformResponse, region: Region) -> RotationError {
    let body: OAuthError = serde_json::from_slice(&response.body).unwrap_or_default();
    let limits = |text: &String| text.trim_start().to_ascii_lowercase().starts_with("rate limit exceeded");
    let limited = [&body.description, &body.error_description].into_iter().flatten().any(limits);
    let (status, code) = (response.status.as_u16(), plain_code(body.error.unwrap_or_default()));
    let is_refusal = matches!(status, 400 | 401 | 403) && is_about_address(&response.body);
    match (response.status, code.as_str()) {
        (StatusCode::BAD_REQUEST, _) if limited => {
            response.error(ErrorKind::RateLimited, format!("the client requests tokens too often ({status} {code})"))
        }
        _ if is_refusal || response.refuses_address() => {
            let message = format!("{WHAT} was rejected for this network address ({status} {code})");
            response.error(ErrorKind::IpNotAuthorized, message.replace(" )", ")"))
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, "unauthorized_client") => {
            let message = format!("the OAuth client may not use the client-credentials grant ({status} {code})");
            response.error(ErrorKind::CredentialsRejected, message).with_hint(
                "create an OAuth client with the grant type Client Credentials (Admin > Integrations > OAuth): this client has another one",
            )
        }
        (StatusCode::BAD_REQUEST, "invalid_client") | (StatusCode::UNAUTHORIZED, _) => {
            let status_and_code = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
            let place = region.domain();
            response.error(
                ErrorKind::CredentialsRejected,
                format!("{place} does not accept the client credentials ({status_and_code})"),
            )
        }
        _ => response.diagnose(WHAT),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn kind(status: u16, body: &str) -> ErrorKind {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = body.as_bytes().to_vec().into();
        let response = PlatformResponse { status, headers: HeaderMap::new(), body };
        exchange_error(&response, Region::parse("eu-west-1").expect("a region")).kind()
    }

    #[test]
    fn a_refused_address_is_recognized_in_every_plausible_form() {
        for status in [400, 401, 403] {
            for error in ["invalid_client", "access_denied", "unauthorized_client", "invalid_request", "forbidden"] {
                for text in ["IP address is not allowed", "the client is not allowlisted", "ip_not_authorized"] {
                    for field in ["description", "error_description", "message"] {
                        let body = format!(r#"{{"error":"{error}","{field}":"{text}"}}"#);
                        assert_eq!(kind(status, &body), ErrorKind::IpNotAuthorized, "{status} {body}");
                    }
                }
            }
            for body in [
                r#"{"error":"ip_not_authorized"}"#,
                r#"{"code":"ip.not.authorized","status":401,"message":"no"}"#,
                r#"{"error":{"code":"IP_RESTRICTED"}}"#,
                "IP not allowed",
            ] {
                assert_eq!(kind(status, body), ErrorKind::IpNotAuthorized, "{status} {body}");
            }
        }
    }

    #[test]
    fn other_refusals_name_their_own_reason() {
        let limited = r#"{"error":"invalid_request","description":"rate limit exceeded; 10 requests from this IP"}"#;
        let page = "<html>Access denied. Your IP: 192.0.2.1</html>";
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"invalid_client","description":"authentication failed"}"#,
                ErrorKind::CredentialsRejected,
            ),
            (401, "", ErrorKind::CredentialsRejected),
            (400, limited, ErrorKind::RateLimited),
            (429, r#"{"message":"too many requests from this IP"}"#, ErrorKind::RateLimited),
            (403, page, ErrorKind::PlatformUnavailable),
            (503, r#"{"message":"no IP address available"}"#, ErrorKind::PlatformUnavailable),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }
}
