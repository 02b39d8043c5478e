//! Regenerates the secret of an OAuth client (Platform API, `POST /api/v2/oauth/clients/{clientId}/secret`).

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::oauth_client::{check_id, client_error};
use super::{GenesysCloud, Region};
use crate::platform::http::send;
use crate::platform::token_response::is_storable;
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::{ExposeSecret, SecretString};

const WHAT: &str = "regenerating the client's secret";

#[derive(Deserialize)]
struct RegeneratedClient {
    id: Option<String>,
    secret: Option<Zeroizing<String>>,
}

/// The maximum number of secrets to generate until one can be stored.
const ATTEMPTS: usize = 3;

impl GenesysCloud {
    /// Regenerates the secret. A document cannot hold a secret with leading or trailing whitespace, so such a secret is
    /// replaced by another one.
    pub(super) async fn regenerate_secret(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<SecretString> {
        for _ in 0..ATTEMPTS {
            let secret = self.next_secret(region, client_id, token).await?;
            if is_storable(secret.expose_secret()) {
                return Ok(secret);
            }
        }
        let message =
            format!("{WHAT} returned {ATTEMPTS} secrets with leading or trailing whitespace; none was stored");
        Err(RotationError::new(ErrorKind::PlatformUnavailable, message).permanent())
    }

    async fn next_secret(&self, region: Region, client_id: &str, token: &SecretString) -> Result<SecretString> {
        check_id(client_id)?;
        let path = format!("/api/v2/oauth/clients/{client_id}/secret");
        // The official SDK sends this body.
        let request =
            self.call(region, Method::POST, &path, token)?.header("content-type", "application/json").body("null");
        let response = send(request).await?;
        if response.status != StatusCode::OK {
            return Err(client_error(&response, WHAT, client_id));
        }
        let client: RegeneratedClient = response.json(WHAT)?;
        if client.id.is_some_and(|id| !id.eq_ignore_ascii_case(client_id)) {
            return Err(response.error(ErrorKind::PlatformUnavailable, format!("{WHAT} returned another client")));
        }
        let secret = client.secret.filter(|secret| !secret.is_empty());
        let secret = secret
            .ok_or_else(|| response.error(ErrorKind::PlatformUnavailable, format!("{WHAT} returned no secret")))?;
        Ok(SecretString::from(secret.as_str()))
    }
}
