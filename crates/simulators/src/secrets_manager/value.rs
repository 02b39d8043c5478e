//! Secret values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The value of a version.
#[derive(Clone, PartialEq)]
pub(super) enum SecretValue {
    Text(String),
    Binary(Vec<u8>),
}

impl SecretValue {
    /// Writes it into an answer, under the member's name.
    pub(super) fn write(&self, answer: &mut Map<String, Value>) {
        match self {
            Self::Text(text) => answer.insert("SecretString".to_owned(), text.clone().into()),
            Self::Binary(bytes) => answer.insert("SecretBinary".to_owned(), STANDARD.encode(bytes).into()),
        };
    }
}
