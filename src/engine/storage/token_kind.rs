//! Which kind of token a role is for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::failure::told;
use crate::rotation::{Document, TokenKind};
use crate::secret::SecretString;
use openbao_plugin::Failure;
use openbao_plugin::framework::{Call, Field, FieldKind};

/// The fields of a role that say it.
pub(crate) const FIELDS: [Field; 5] = [
    Field::optional(
        "token",
        FieldKind::Text,
        Some("access"),
        "The kind of token: access, generated or api-token. The latter two are not part of the platform's published API.",
    ),
    Field::optional(
        "resource_owner",
        FieldKind::Text,
        None,
        "For generated: the id of the account that the token stands for.",
    ),
    Field::optional("token_name", FieldKind::Text, None, "For api-token: what it is called in the platform's list."),
    Field::optional("scopes", FieldKind::TextList, None, "For api-token: what it may do."),
    Field::optional("token_expires_in", FieldKind::Duration, None, "For api-token: for how long it is to live."),
];

/// What a role says of it, by the names of a document's fields.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct KindOfToken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_owner: Option<String>,
    #[serde(default, rename = "name", skip_serializing_if = "Option::is_none")]
    token_name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_expires_in: Option<u64>,
}

impl KindOfToken {
    /// What is stored, with what the call says over it.
    ///
    /// # Errors
    /// A 400 where it makes no sense.
    pub(crate) fn merged(call: &Call, stored: Self) -> Result<Self, Failure> {
        let text = |field: &str, stored: Option<String>| call.text(field).map(str::to_owned).or(stored);
        let merged = Self {
            token: text("token", stored.token),
            resource_owner: text("resource_owner", stored.resource_owner),
            token_name: text("token_name", stored.token_name),
            scopes: call.texts("scopes").unwrap_or(stored.scopes),
            token_expires_in: call.duration("token_expires_in").map(|time| time.as_secs()).or(stored.token_expires_in),
        };
        merged.kind().map(|_| merged)
    }

    /// The kind of token.
    ///
    /// # Errors
    /// A 400 where it makes no sense.
    pub(crate) fn kind(&self) -> Result<TokenKind, Failure> {
        let text = SecretString::from(Value::Object(self.fields()).to_string());
        Document::parse(&text).and_then(|document| document.token_kind()).map_err(|error| told(&error))
    }

    /// As a document says it.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// As a role shows it.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let mut shown = self.fields();
        if let Some(name) = shown.remove("name") {
            shown.insert("token_name".to_owned(), name);
        }
        shown.entry("token").or_insert_with(|| "access".into());
        shown
    }
}
