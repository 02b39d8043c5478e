//! OAuth clients, as the simulator is configured with them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The grant of a client for back-end services.
pub const CLIENT_CREDENTIALS: &str = "CLIENT-CREDENTIALS";

/// The default role of a client.
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
    /// The lifetime of its tokens, in seconds; `None` for the simulator's `token_lifetime`.
    #[serde(default)]
    pub access_token_validity_seconds: Option<u64>,
    /// The permissions that its roles grant, such as `routing:skill:view`; `None` for all.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Its scopes, such as `routing:readonly`. They do not restrict client credentials (Platform API, OAuthClient).
    #[serde(default)]
    pub scope: Vec<String>,
    /// The roles that it holds.
    #[serde(default = "everyday_roles")]
    pub role_divisions: Vec<RoleDivision>,
    /// When the platform deletes it, as the API spells it.
    #[serde(default)]
    pub date_to_delete: Option<String>,
    /// Whether its tokens act as a user.
    #[serde(default)]
    pub user: bool,
}

/// A role of a client, and the division that it applies to (Platform API, RoleDivision).
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
    /// It may request tokens.
    #[default]
    Active,
    /// It is disabled.
    Disabled,
    /// It is ready for deletion.
    Inactive,
}

impl OAuthClient {
    /// Creates an active client of the client credentials grant, with all permissions.
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
            date_to_delete: None,
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
