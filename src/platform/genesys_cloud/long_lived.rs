//! Long-lived tokens, issued with an access token. Their endpoints are not part of the published API, and not every
//! organization offers them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GenesysCloud, Region};
use crate::platform::http::{CreationFailure, PlatformResponse, send_creating};
use crate::rotation::{ErrorKind, IssuedToken, Result, RotationError, TokenKind, UNKNOWN_TOKEN_HINT};
use crate::secret::SecretString;

const GENERATE: &str = "/api/v2/oauth/token/generate";
const API_TOKENS: &str = "/api/v2/oauth/apitokens";
/// The documented lifetime, for responses without one.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

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
                    "the platform issues access tokens only for client credentials",
                ));
            }
            TokenKind::Generated { resource_owner } => {
                (GENERATE, json!({"grant_type": "client_credentials", "resource_owner": resource_owner}))
            }
            TokenKind::ApiToken { name, scopes, expires_in } => (API_TOKENS, api_token(name, scopes, *expires_in)),
        };
        let request = self.call(region, Method::POST, path, access_token)?.json(&body);
        let issued = send_creating(request, |response| match response.status {
            StatusCode::OK | StatusCode::CREATED => response.token(path),
            _ => Err(issue_error(response, path)),
        });
        let token = issued.await.map_err(|failure| match failure {
            CreationFailure::NotCreated(error) => error,
            CreationFailure::AnswerLost(error) => answer_lost(&error, path),
        })?;
        let lifetime = token.lifetime.or(requested_lifetime(kind)).unwrap_or(DEFAULT_LIFETIME);
        Ok(IssuedToken { access_token: token.access_token, token_type: token.token_type, lifetime, tenant_id: None })
    }
}

/// Another request could leave another token for a year, so it is not sent.
fn answer_lost(error: &RotationError, path: &str) -> RotationError {
    let message =
        format!("the answer of {path} was lost, and it may have issued a token that no secret holds: {error}");
    RotationError::new(error.kind(), message).with_hint(UNKNOWN_TOKEN_HINT).permanent()
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

fn requested_lifetime(kind: &TokenKind) -> Option<Duration> {
    match kind {
        TokenKind::ApiToken { expires_in, .. } => expires_in.map(Duration::from_secs),
        _ => None,
    }
}

fn issue_error(response: &PlatformResponse, path: &str) -> RotationError {
    match response.status {
        StatusCode::NOT_FOUND => response
            .error(ErrorKind::DocumentInvalid, format!("this organization does not offer {path}, which is not part of the published API"))
            .with_hint(
                r#"remove "token" from the document, and increase the OAuth client's token duration instead (Admin > Integrations > OAuth): up to 172800 s, or 38880000 s for SCIM clients"#,
            ),
        StatusCode::FORBIDDEN if !response.refuses_address() => response.diagnose(path).with_hint(
            "grant the OAuth client a role with the permission to manage API tokens, then the scope admin:api-token:manage (admin:api-token is read-only); the platform checks roles before scopes, and a change can take 15 minutes to propagate",
        ),
        StatusCode::BAD_REQUEST => response
            .error(ErrorKind::DocumentInvalid, format!("{path} rejected the document's settings (400 {})", response.code()))
            .with_hint("check resource_owner, name, scopes and token_expires_in"),
        _ => response.diagnose(path),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn only_an_api_token_has_a_requested_lifetime() {
        let api_token = |expires_in| TokenKind::ApiToken { name: None, scopes: Vec::new(), expires_in };
        assert_eq!(requested_lifetime(&api_token(Some(60))), Some(Duration::from_secs(60)));
        for kind in [api_token(None), TokenKind::Access, TokenKind::Generated { resource_owner: "me".to_owned() }] {
            assert_eq!(requested_lifetime(&kind), None, "{kind:?}");
        }
    }

    #[test]
    fn each_rejection_of_a_long_lived_token_has_its_hint() {
        for (status, kind, words) in [
            (404, ErrorKind::DocumentInvalid, "token duration"),
            (403, ErrorKind::PermissionMissing, "admin:api-token:manage"),
            (400, ErrorKind::DocumentInvalid, "resource_owner"),
            (503, ErrorKind::PlatformUnavailable, ""),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = json!({"status": status.as_u16(), "code": "no", "message": "no"}).to_string();
            let response = PlatformResponse { status, headers: HeaderMap::new(), body: body.into_bytes().into() };
            let error = issue_error(&response, GENERATE);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.hint().contains(words), "{error}: {}", error.hint());
        }
    }
}
