//! The token request (Genesys Cloud developer centre, "Client credentials grant").

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{GenesysCloud, Region};
use crate::platform::answer::plain_code;
use crate::platform::http::{Answer, send};
use crate::rotation::{ErrorKind, IssuedToken, KeyPair, Result, RotationError};
use crate::secret::SecretString;

const WHAT: &str = "the token request";

#[derive(Deserialize, Default)]
struct Refusal {
    error: Option<String>,
    description: Option<String>,
    error_description: Option<String>,
}

impl GenesysCloud {
    pub(super) async fn exchange(&self, region: Region, client: &KeyPair) -> Result<IssuedToken> {
        let url = format!("{}/oauth/token", self.endpoints.login(&region.login_host()));
        let request = self
            .http
            .request(Method::POST, &url)?
            .basic_auth(&client.id, Some(client.secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")]);
        let answer = send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(&answer, region));
        }
        let token = answer.token(WHAT)?;
        let Some(lifetime) = token.lifetime else {
            self.give_back(region, &token.access_token).await;
            return Err(answer.without_expiry(WHAT));
        };
        Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime })
    }

    /// A token that is of no use must not live on.
    async fn give_back(&self, region: Region, token: &SecretString) {
        if let Err(error) = self.revoke_token(region, token).await {
            tracing::warn!(
                error.r#type = error.kind().name(),
                "an unusable token could not be revoked: {}",
                error.chain()
            );
        }
    }
}

/// The endpoint says 400 for a wrong secret and for too many requests alike, so the words decide.
fn refusal(answer: &Answer, region: Region) -> RotationError {
    let body: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let limits = |text: &String| text.trim_start().to_ascii_lowercase().starts_with("rate limit exceeded");
    let limited = [&body.description, &body.error_description].into_iter().flatten().any(limits);
    let (status, code) = (answer.status.as_u16(), plain_code(body.error.unwrap_or_default()));
    if answer.code() == "ip.not.authorized" {
        return answer
            .error(ErrorKind::IpNotAuthorized, format!("{WHAT} was refused for this network address ({status})"));
    }
    match (answer.status, code.as_str()) {
        (StatusCode::BAD_REQUEST, _) if limited => {
            answer.error(ErrorKind::RateLimited, format!("the client asks for tokens too often ({status} {code})"))
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, "unauthorized_client") => {
            let message = format!("the OAuth client may not use the client-credentials grant ({status} {code})");
            answer.error(ErrorKind::CredentialsRejected, message).with_hint(
                "make an OAuth client whose grant type is Client Credentials (Admin > Integrations > OAuth): the type of an existing one is not this",
            )
        }
        (StatusCode::BAD_REQUEST, "invalid_client") | (StatusCode::UNAUTHORIZED, _) => {
            let said = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
            let place = region.domain();
            answer.error(
                ErrorKind::CredentialsRejected,
                format!("{place} does not accept the client credentials ({said})"),
            )
        }
        _ => answer.diagnose(WHAT),
    }
}
