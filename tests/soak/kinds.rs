//! The kinds of secrets: the documents of docs/examples, with clients and keys of their own.

use serde_json::{Map, Value, json};
use simulators::Simulation;
use simulators::cxone::{AccessKey, Application};
use simulators::genesys::OAuthClient;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Token,
    Generated,
    ApiToken,
    Alternating,
    InPlace,
    BackEnd,
    UserHub,
    Older,
    AccessKeys,
}

pub const KINDS: [Kind; 9] = [
    Kind::Token,
    Kind::Generated,
    Kind::ApiToken,
    Kind::Alternating,
    Kind::InPlace,
    Kind::BackEnd,
    Kind::UserHub,
    Kind::Older,
    Kind::AccessKeys,
];

const ADMIN: &str = include_str!("../../docs/examples/admin.json");
/// How the ids and secrets in the examples begin.
const OWNERS: [&str; 5] = ["my-", "other-", "lone-", "admin-", "turning-"];
/// The fields of a document that a config of the engine has as well.
const CONFIG: [&str; 9] = [
    "platform",
    "region",
    "issuer",
    "area",
    "realm",
    "client_id",
    "client_secret",
    "access_key_id",
    "access_key_secret",
];

impl Kind {
    fn example(self) -> &'static str {
        match self {
            Self::Token => include_str!("../../docs/examples/simple.json"),
            Self::Generated => include_str!("../../docs/examples/generated.json"),
            Self::ApiToken => include_str!("../../docs/examples/api-token.json"),
            Self::Alternating => include_str!("../../docs/examples/alternating.json"),
            Self::InPlace => include_str!("../../docs/examples/in-place.json"),
            Self::BackEnd => include_str!("../../docs/examples/back-end.json"),
            Self::UserHub => include_str!("../../docs/examples/user-hub.json"),
            Self::Older => include_str!("../../docs/examples/older.json"),
            Self::AccessKeys => include_str!("../../docs/examples/keys.json"),
        }
    }

    /// Whether a rotation makes a client secret or an access key, and holds a lease.
    pub fn makes_secret(self) -> bool {
        matches!(self, Self::Alternating | Self::InPlace | Self::AccessKeys)
    }

    pub fn is_cxone(self) -> bool {
        matches!(self, Self::BackEnd | Self::UserHub | Self::Older | Self::AccessKeys)
    }

    /// The document of the secret `name`, which names its admin's secret `admin`.
    pub fn document(self, name: &str, admin: &str) -> Value {
        own(self.example(), name, admin)
    }
}

/// The document of the admin of the secret `name`.
pub fn admin(name: &str) -> Value {
    own(ADMIN, name, "")
}

/// An example with ids and secrets of its own.
fn own(example: &str, name: &str, admin: &str) -> Value {
    let renamed = OWNERS
        .iter()
        .fold(example.to_owned(), |text, owner| text.replace(&format!("\"{owner}"), &format!("\"{name}-{owner}")));
    serde_json::from_str(&renamed.replace("admin.json", admin)).expect("the example is JSON")
}

/// The user whose access keys a secret holds.
pub fn user_of(name: &str) -> String {
    format!("{name}-user")
}

/// The pairs of id and secret in a document, of clients and of access keys.
pub fn pairs(document: &Value) -> Vec<(String, String)> {
    let entries = document["clients"].as_array().into_iter().flatten().chain([document]);
    let names = [("client_id", "client_secret"), ("access_key_id", "access_key_secret")];
    let pairs = entries.flat_map(|entry| names.map(|(id, secret)| entry[id].as_str().zip(entry[secret].as_str())));
    pairs.flatten().map(|(id, secret)| (id.to_owned(), secret.to_owned())).collect()
}

/// Registers the clients and access keys of a document with the platforms.
pub fn register(simulation: &Simulation, name: &str, document: &Value) {
    let is_cxone = document["platform"] == "nice-cxone";
    for (id, secret) in pairs(document) {
        match (is_cxone, id.ends_with("====")) {
            (_, true) => {
                simulation.cxone.add_access_key(AccessKey { user_id: user_of(name), ..AccessKey::new(&id, &secret) })
            }
            (true, false) => simulation.cxone.add_client(Application::new(&id, &secret)),
            (false, false) => simulation.genesys.add_client(OAuthClient::new(&id, &secret)),
        }
    }
}

/// The config of the engine with a document's credentials.
pub fn config(document: &Value) -> Map<String, Value> {
    let fields = document.as_object().expect("a document").iter();
    let own = fields.filter(|(name, _)| CONFIG.contains(&name.as_str()));
    let mut config: Map<_, _> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(rotates) = document["rotates"].as_array() {
        let ids: Vec<_> = rotates.iter().filter_map(Value::as_str).collect();
        config.insert("rotates".to_owned(), json!(ids.join(",")));
    }
    if let Some(idle) = document["clients"].get(1) {
        config.insert("idle_client_id".to_owned(), idle["client_id"].clone());
    }
    config
}

/// The settings of a role of the engine for a document's kind of token.
pub fn role(document: &Value, name: &str) -> Value {
    let mut role = json!({"config": name});
    for (field, setting) in [
        ("token", "token"),
        ("resource_owner", "resource_owner"),
        ("name", "token_name"),
        ("scopes", "scopes"),
        ("token_expires_in", "token_expires_in"),
    ] {
        if !document[field].is_null() {
            role[setting] = document[field].clone();
        }
    }
    role
}
