//! For how long a client's tokens live (Platform API, `OAuthClient.accessTokenValiditySeconds`).

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

use super::oauth_client::{check_id, refusal};
use super::{GenesysCloud, Region};
use crate::platform::http::{Answer, send};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

const FIELD: &str = "accessTokenValiditySeconds";
const READING: &str = "reading the OAuth client";
const EDITING: &str = "raising the client's token duration";

impl GenesysCloud {
    /// `None` where the token may not look at the client.
    pub(super) async fn read_duration(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<Option<Duration>> {
        let answer = self.ask_for_client(region, client_id, token).await?;
        if answer.status == StatusCode::FORBIDDEN && !answer.code().is_empty() {
            return Ok(None);
        }
        let client = client_in(&answer, client_id)?;
        duration_of(&answer, &client).map(Some)
    }

    /// The whole client goes back as it came but for this field: whatever is missing there would be taken away.
    pub(super) async fn raise_duration(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
        duration: Duration,
    ) -> Result<Option<Duration>> {
        let answer = self.ask_for_client(region, client_id, token).await?;
        let mut client = client_in(&answer, client_id)?;
        let former = duration_of(&answer, &client)?;
        if former >= duration {
            return Ok(None);
        }
        client.insert(FIELD.to_owned(), duration.as_secs().into());
        let answer = send(self.call(region, Method::PUT, &path(client_id), token)?.json(&client)).await?;
        let now = match answer.status {
            StatusCode::OK => duration_of(&answer, &client_in(&answer, client_id)?)?,
            StatusCode::BAD_REQUEST if answer.code() == "invalid.value" => return Err(not_taken(&answer, duration)),
            _ => return Err(refusal(&answer, EDITING, client_id)),
        };
        if now != duration {
            let message = format!("{EDITING} to {} s left it at {} s", duration.as_secs(), now.as_secs());
            return Err(answer.error(ErrorKind::PlatformUnavailable, message).permanent());
        }
        Ok(Some(former))
    }

    async fn ask_for_client(&self, region: Region, client_id: &str, token: &SecretString) -> Result<Answer> {
        check_id(client_id)?;
        send(self.call(region, Method::GET, &path(client_id), token)?).await
    }
}

fn path(client_id: &str) -> String {
    format!("/api/v2/oauth/clients/{client_id}")
}

fn client_in(answer: &Answer, client_id: &str) -> Result<Map<String, Value>> {
    if answer.status != StatusCode::OK {
        return Err(refusal(answer, READING, client_id));
    }
    let client: Map<String, Value> = answer.json(READING)?;
    let is_it = client.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(client_id));
    if is_it {
        return Ok(client);
    }
    Err(answer.error(ErrorKind::PlatformUnavailable, format!("{READING} was answered with another one")))
}

fn duration_of(answer: &Answer, client: &Map<String, Value>) -> Result<Duration> {
    let seconds = client.get(FIELD).and_then(Value::as_u64);
    let unknown = || answer.error(ErrorKind::PlatformUnavailable, format!("{READING} told no {FIELD}"));
    seconds.map(Duration::from_secs).ok_or_else(unknown)
}

fn not_taken(answer: &Answer, duration: Duration) -> RotationError {
    let message = format!("the organisation allows no token duration of {} s (400 invalid.value)", duration.as_secs());
    answer.error(ErrorKind::DocumentInvalid, message).with_hint("rotate more often instead, or in a shorter window")
}
