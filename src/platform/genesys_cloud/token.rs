//! The token request (Genesys Cloud developer centre, "Client credentials grant").

use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{GenesysCloud, Region};
use crate::platform::answer::plain_code;
use crate::platform::http::{Answer, bearer, send};
use crate::rotation::{Credentials, ErrorKind, IssuedToken, Result, RotationError};
use crate::secret::SecretString;

const WHAT: &str = "the token request";

#[derive(Deserialize)]
struct TokenBody {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct Refusal {
    error: Option<String>,
    description: Option<String>,
    error_description: Option<String>,
}

impl GenesysCloud {
    pub(super) async fn exchange(&self, region: Region, credentials: &Credentials) -> Result<IssuedToken> {
        let url = format!("{}/oauth/token", self.endpoints.login(&region.login_host()));
        let request = self
            .http
            .request(Method::POST, &url)?
            .basic_auth(&credentials.client_id, Some(credentials.client_secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")]);
        let answer = send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(&answer, region));
        }
        let body: TokenBody = answer.json(WHAT)?;
        // What cannot stand in a header is not a token, and would only be found out by its readers.
        if body.access_token.is_empty() || bearer(&body.access_token).is_err() {
            return Err(
                answer.error(ErrorKind::PlatformUnavailable, "the token request gave a token that cannot be one")
            );
        }
        let access_token = SecretString::from(body.access_token.as_str());
        let Some(lifetime) = body.expires_in.as_ref().and_then(seconds) else {
            self.give_back(region, &access_token).await;
            let message = "the token request gave a token without saying for how long it is valid";
            return Err(answer.error(ErrorKind::PlatformUnavailable, message));
        };
        let token_type = body.token_type.filter(|name| is_token_type(name)).unwrap_or_else(|| "bearer".to_owned());
        Ok(IssuedToken { access_token, token_type, lifetime })
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

/// Some answers write the number as a string.
pub(super) fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn is_token_type(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.chars().all(|letter| letter.is_ascii_alphanumeric())
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
