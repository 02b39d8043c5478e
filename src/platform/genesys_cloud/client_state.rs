//! Reads and sets the state of an OAuth client (Platform API, `OAuthClient.state`).

use reqwest::StatusCode;
use serde_json::Value;

use super::oauth_client::{READING, client_error, parse_client};
use super::{GenesysCloud, Region};
use crate::rotation::{ClientState, ErrorKind, FoundClient, Result};
use crate::secret::SecretString;

const FIELD: &str = "state";
const EDITING: &str = "changing the state of the OAuth client";

impl GenesysCloud {
    pub(super) async fn read_state(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<FoundClient> {
        let response = self.get_client(region, client_id, token).await?;
        let client = parse_client(&response, client_id)?;
        let text = |field: &str| client.get(field).and_then(Value::as_str);
        let unknown = || response.error(ErrorKind::PlatformUnavailable, format!("{READING} returned no known state"));
        let state = text(FIELD).and_then(|state| state.parse().ok()).ok_or_else(unknown)?;
        let (name, grant) = (text("name").map(str::to_owned), text("authorizedGrantType").map(str::to_owned));
        Ok(FoundClient { name, state, grant })
    }

    pub(super) async fn write_state(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
        state: ClientState,
    ) -> Result<()> {
        let response = self.get_client(region, client_id, token).await?;
        let client = parse_client(&response, client_id)?;
        let response = self.put_client(region, client_id, token, client, (FIELD, state.name().into())).await?;
        match response.status {
            StatusCode::OK => Ok(()),
            _ => Err(client_error(&response, EDITING, client_id)),
        }
    }
}
