//! OAuth clients as the one who sets the simulator up describes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The grant of a client for back-end services.
pub const CLIENT_CREDENTIALS: &str = "CLIENT-CREDENTIALS";

/// The role that a client holds unless it is told otherwise.
const EVERYDAY_ROLE: &str = "3d8b6f1a-0000-4000-8000-00000000a001";

/// An OAuth client.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Its name.
    #[serde(default = "unnamed")]
    pub name: String,
    /// The grant that it may use, as the API spells it.
    #[serde(default = "client_credentials")]
    pub grant: String,
    /// Whether it may be used.
    #[serde(default)]
    pub state: ClientState,
    /// How long its tokens live, in seconds; `None` leaves it to the simulator's `token_lifetime`.
    #[serde(default)]
    pub access_token_validity_seconds: Option<u64>,
    /// The permissions that its roles give, such as `routing:skill:view`; `None` for all of them.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// The scopes that its tokens are kept to, such as `routing:readonly`; empty for all of them.
    #[serde(default)]
    pub scope: Vec<String>,
    /// The roles that it holds.
    #[serde(default = "everyday_roles")]
    pub role_divisions: Vec<RoleDivision>,
    /// Whether its tokens act as a user.
    #[serde(default)]
    pub user: bool,
}

/// A role that a client holds, and the division that it holds it in (Platform API, RoleDivision).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleDivision {
    /// The role's id.
    pub role_id: String,
    /// The division's id; `*` for every division.
    pub division_id: String,
}

/// Whether a client may be used (Platform API, OAuthClient).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientState {
    /// It may ask for tokens.
    #[default]
    Active,
    /// It was switched off.
    Disabled,
    /// It was made ready for deletion.
    Inactive,
}

impl OAuthClient {
    /// An active client of the client credentials grant, which may call everything.
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            name: unnamed(),
            grant: client_credentials(),
            state: ClientState::Active,
            access_token_validity_seconds: None,
            permissions: None,
            scope: Vec::new(),
            role_divisions: everyday_roles(),
            user: false,
        }
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = formatter.debug_struct("Client");
        client.field("id", &self.id).field("name", &self.name).field("grant", &self.grant).field("state", &self.state);
        client.finish_non_exhaustive()
    }
}

fn unnamed() -> String {
    "Simulated client".to_owned()
}

fn client_credentials() -> String {
    CLIENT_CREDENTIALS.to_owned()
}

fn everyday_roles() -> Vec<RoleDivision> {
    vec![RoleDivision { role_id: EVERYDAY_ROLE.to_owned(), division_id: "*".to_owned() }]
}
