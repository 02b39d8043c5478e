//! The token request (Genesys Cloud developer centre, "Client credentials grant").

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{GenesysCloud, Region};
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
    if response.code() == "ip.not.authorized" {
        return response
            .error(ErrorKind::IpNotAuthorized, format!("{WHAT} was rejected for this network address ({status})"));
    }
    match (response.status, code.as_str()) {
        (StatusCode::BAD_REQUEST, _) if limited => {
            response.error(ErrorKind::RateLimited, format!("the client requests tokens too often ({status} {code})"))
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
