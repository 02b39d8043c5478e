//! Reads who a token belongs to (Platform API, `TokenInfo` and `UserMe`).

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::validate::TOKENS_ME;
use super::{GenesysCloud, Region};
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{NamedId, Result, TokenOwner};
use crate::secret::SecretString;

const USERS_ME: &str = "/api/v2/users/me";

#[derive(Deserialize)]
struct TokenInfo {
    #[serde(rename = "OAuthClient")]
    client: Option<Entity>,
    organization: Option<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    id: String,
    name: Option<String>,
}

impl From<Entity> for NamedId {
    fn from(Entity { id, name }: Entity) -> Self {
        Self { id, name: name.filter(|name| !name.is_empty()) }
    }
}

impl GenesysCloud {
    /// Only a user's token has a user.
    pub(super) async fn read_owner(&self, region: Region, token: &SecretString) -> Result<TokenOwner> {
        let info = self.call(region, Method::GET, &format!("{TOKENS_ME}?preserveIdleTTL=true"), token)?;
        let user = self.call(region, Method::GET, USERS_ME, token)?;
        let (info, user) = tokio::join!(send(info), send(user));
        let (client, organization) = read_info(&info?)?;
        Ok(TokenOwner { client, user: user.ok().and_then(|user| read_user(&user)), organization })
    }
}

fn read_info(response: &PlatformResponse) -> Result<(Option<NamedId>, Option<NamedId>)> {
    if response.status != StatusCode::OK {
        return Err(response.diagnose(TOKENS_ME));
    }
    let TokenInfo { client, organization } = response.json(TOKENS_ME)?;
    Ok((client.map(NamedId::from), organization.map(NamedId::from)))
}

fn read_user(response: &PlatformResponse) -> Option<NamedId> {
    let user: Option<Entity> = response.json(USERS_ME).ok();
    user.filter(|_| response.status == StatusCode::OK).map(NamedId::from)
}
