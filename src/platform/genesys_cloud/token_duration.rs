//! Reads and raises the token duration of a client (Platform API, `OAuthClient.accessTokenValiditySeconds`).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::oauth_client::{READING, client_error, parse_client};
use super::{GenesysCloud, Region};
use crate::platform::http::PlatformResponse;
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

const FIELD: &str = "accessTokenValiditySeconds";
const EDITING: &str = "raising the client's token duration";

impl GenesysCloud {
    /// Returns `None` if the token may not read the client.
    pub(super) async fn read_duration(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<Option<Duration>> {
        let response = self.get_client(region, client_id, token).await?;
        if response.status == StatusCode::FORBIDDEN && !response.code().is_empty() && !response.refuses_address() {
            return Ok(None);
        }
        let client = parse_client(&response, client_id)?;
        duration_of(&response, &client).map(Some)
    }

    pub(super) async fn raise_duration(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
        duration: Duration,
    ) -> Result<Option<Duration>> {
        let response = self.get_client(region, client_id, token).await?;
        let client = parse_client(&response, client_id)?;
        let previous = duration_of(&response, &client)?;
        if previous >= duration {
            return Ok(None);
        }
        let change = (FIELD, duration.as_secs().into());
        let response = self.put_client(region, client_id, token, client, change).await?;
        let now = match response.status {
            StatusCode::OK => duration_of(&response, &parse_client(&response, client_id)?)?,
            StatusCode::BAD_REQUEST if response.code() == "invalid.value" => {
                return Err(duration_rejected(&response, duration));
            }
            _ => return Err(client_error(&response, EDITING, client_id)),
        };
        if now != duration {
            let message = format!(
                "{EDITING} to {} s had no effect: the token duration is {} s",
                duration.as_secs(),
                now.as_secs()
            );
            return Err(response.error(ErrorKind::PlatformUnavailable, message).permanent());
        }
        Ok(Some(previous))
    }
}

fn duration_of(response: &PlatformResponse, client: &Map<String, Value>) -> Result<Duration> {
    let seconds = client.get(FIELD).and_then(Value::as_u64);
    let unknown = || response.error(ErrorKind::PlatformUnavailable, format!("{READING} returned no {FIELD}"));
    seconds.map(Duration::from_secs).ok_or_else(unknown)
}

fn duration_rejected(response: &PlatformResponse, duration: Duration) -> RotationError {
    let message =
        format!("the organization does not allow a token duration of {} s (400 invalid.value)", duration.as_secs());
    response.error(ErrorKind::DocumentInvalid, message).with_hint("rotate more often, or in a shorter window")
}
