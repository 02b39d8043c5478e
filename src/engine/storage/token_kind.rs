//! The token kind of a role, and its fields.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::failure::to_failure;
use crate::rotation::{Document, TokenKind};
use crate::secret::SecretString;
use openbao_plugin::Failure;
use openbao_plugin::framework::{Call, Field};

/// Their group of inputs in user interfaces.
const TOKEN_KIND: &str = "Token kind";
/// The request fields that describe the token kind.
pub(crate) const TOKEN_FIELDS: &[Field] = &[
    Field::text("token", "The token kind. generated and api-token are not part of the platform's published API.")
        .one_of(&["access", "generated", "api-token"])
        .default("access")
        .group(TOKEN_KIND)
        .label("Token kind"),
    Field::text("resource_owner", "For generated: the id of the account that the token acts for.").group(TOKEN_KIND),
    Field::text("token_name", "For api-token: its name in the platform's list of tokens.").group(TOKEN_KIND),
    Field::texts("scopes", "For api-token: its scopes.").group(TOKEN_KIND),
    Field::duration("token_expires_in", "For api-token: its lifetime.").group(TOKEN_KIND),
];

/// The token kind of a role, in the field names of a document.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct TokenKindFields {
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

impl TokenKindFields {
    /// The stored fields, updated with those of the request.
    ///
    /// # Errors
    /// 400 for an invalid combination.
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

    /// The token kind.
    ///
    /// # Errors
    /// 400 for an invalid combination.
    pub(crate) fn kind(&self) -> Result<TokenKind, Failure> {
        let text = SecretString::from(Value::Object(self.fields()).to_string());
        Document::parse(&text).and_then(|document| document.token_kind()).map_err(|error| to_failure(&error))
    }

    /// The fields of a document.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// The fields that reading a role returns.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let mut shown = self.fields();
        if let Some(name) = shown.remove("name") {
            shown.insert("token_name".to_owned(), name);
        }
        shown.entry("token").or_insert_with(|| "access".into());
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_role_describe_its_token_kind() {
        let kind = |token: Option<&str>, resource_owner: Option<&str>| {
            let (token, resource_owner) = (token.map(str::to_owned), resource_owner.map(str::to_owned));
            TokenKindFields { token, resource_owner, ..TokenKindFields::default() }.kind().ok()
        };
        let generated = TokenKind::Generated { resource_owner: "me".to_owned() };
        assert_eq!(kind(None, None), Some(TokenKind::Access));
        assert_eq!(kind(Some("generated"), Some("me")), Some(generated));
        assert_eq!((kind(Some("generated"), None), kind(Some("other"), None)), (None, None));
    }
}
