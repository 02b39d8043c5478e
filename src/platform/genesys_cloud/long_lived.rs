//! Tokens that live longer than an access token, made with one. Their endpoints are not part of the published API,
//! and not every organisation has them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GenesysCloud, Region};
use crate::platform::http::{Answer, send};
use crate::rotation::{ErrorKind, IssuedToken, Result, RotationError, TokenKind};
use crate::secret::SecretString;

const GENERATE: &str = "/api/v2/oauth/token/generate";
const API_TOKENS: &str = "/api/v2/oauth/apitokens";
/// What such a token is said to live where the answer does not tell.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl GenesysCloud {
    pub(super) async fn make_long_lived(
        &self,
        region: Region,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        let (path, body) = match kind {
            TokenKind::Access => {
                return Err(RotationError::new(
                    ErrorKind::DocumentInvalid,
                    "an access token is made by the exchange alone",
                ));
            }
            TokenKind::Generated { resource_owner } => {
                (GENERATE, json!({"grant_type": "client_credentials", "resource_owner": resource_owner}))
            }
            TokenKind::ApiToken { name, scopes, expires_in } => (API_TOKENS, api_token(name, scopes, *expires_in)),
        };
        let answer = send(self.call(region, Method::POST, path, access_token)?.json(&body)).await?;
        if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
            return Err(refusal(&answer, path));
        }
        let token = answer.token(path)?;
        let lifetime = token.lifetime.or(asked(kind)).unwrap_or(A_YEAR);
        Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime })
    }
}

fn api_token(name: &Option<String>, scopes: &[String], expires_in: Option<u64>) -> Value {
    let mut body = json!({});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    if !scopes.is_empty() {
        body["scopes"] = json!(scopes);
    }
    if let Some(seconds) = expires_in {
        body["expires_in"] = json!(seconds);
    }
    body
}

fn asked(kind: &TokenKind) -> Option<Duration> {
    match kind {
        TokenKind::ApiToken { expires_in, .. } => expires_in.map(Duration::from_secs),
        _ => None,
    }
}

fn refusal(answer: &Answer, path: &str) -> RotationError {
    match answer.status {
        StatusCode::NOT_FOUND => answer
            .error(ErrorKind::DocumentInvalid, format!("this organisation does not offer {path}, which is not part of the published API"))
            .with_hint(
                r#"leave "token" out of the document, and give the OAuth client a longer token duration instead (Admin > Integrations > OAuth): up to 172800 s, or 38880000 s for SCIM clients"#,
            ),
        StatusCode::FORBIDDEN => answer.diagnose(path).with_hint(
            "roles are looked at before scopes: give the OAuth client a role with the permission to manage API tokens first, then the scope admin:api-token:manage (admin:api-token alone only reads); a change can take 15 minutes to arrive",
        ),
        StatusCode::BAD_REQUEST => answer
            .error(ErrorKind::DocumentInvalid, format!("{path} does not accept what the document asks for (400 {})", answer.code()))
            .with_hint("check resource_owner, name, scopes and token_expires_in"),
        _ => answer.diagnose(path),
    }
}
