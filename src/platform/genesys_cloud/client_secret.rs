//! A new secret for an OAuth client (Platform API, `POST /api/v2/oauth/clients/{clientId}/secret`).

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{GenesysCloud, Region};
use crate::platform::http::{Answer, send};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

const WHAT: &str = "regenerating the client's secret";

#[derive(Deserialize)]
struct Client {
    id: Option<String>,
    secret: Option<Zeroizing<String>>,
}

impl GenesysCloud {
    pub(super) async fn regenerate_secret(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<SecretString> {
        if !is_id(client_id) {
            return Err(RotationError::new(
                ErrorKind::DocumentInvalid,
                "the client id holds characters that no id can hold",
            )
            .with_hint("copy the id of the OAuth client as Admin > Integrations > OAuth shows it"));
        }
        let path = format!("/api/v2/oauth/clients/{client_id}/secret");
        // The official SDK sends this body.
        let request =
            self.call(region, Method::POST, &path, token)?.header("content-type", "application/json").body("null");
        let answer = send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(&answer, client_id));
        }
        let client: Client = answer.json(WHAT)?;
        if client.id.is_some_and(|id| !id.eq_ignore_ascii_case(client_id)) {
            return Err(answer.error(ErrorKind::PlatformUnavailable, format!("{WHAT} answered with another client")));
        }
        let secret = client.secret.filter(|secret| !secret.is_empty());
        let secret =
            secret.ok_or_else(|| answer.error(ErrorKind::PlatformUnavailable, format!("{WHAT} gave no secret")))?;
        Ok(SecretString::from(secret.as_str()))
    }
}

/// It stands in the path.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}

fn refusal(answer: &Answer, client_id: &str) -> RotationError {
    match (answer.status, answer.code().as_str()) {
        (StatusCode::NOT_FOUND, _) => answer
            .error(ErrorKind::DocumentInvalid, format!("the organisation has no OAuth client {client_id} (404)"))
            .with_hint("check the ids in the document, and the region"),
        (StatusCode::BAD_REQUEST, "bad.client.role") => answer
            .error(
                ErrorKind::PermissionMissing,
                format!("the caller lacks a role that the OAuth client {client_id} has (400 bad.client.role)"),
            )
            .with_hint("who regenerates a client's secret needs oauth:client:edit and every role of that client"),
        (StatusCode::BAD_REQUEST, "bad.client.state") => answer
            .error(
                ErrorKind::DocumentInvalid,
                format!("the OAuth client {client_id} is not active (400 bad.client.state)"),
            )
            .with_hint("activate it, or list another one"),
        _ => answer.diagnose(WHAT),
    }
}
