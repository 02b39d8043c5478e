//! What a response to a token request shows beside the token.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::http::PlatformResponse;

/// The fields of a response to a token request that hold no token.
#[derive(Deserialize, Default)]
pub(super) struct TokenShape {
    expires_in: Option<Value>,
    refresh_token: Option<IgnoredAny>,
    id_token: Option<IgnoredAny>,
}

impl TokenShape {
    pub(super) fn of(response: &PlatformResponse) -> Self {
        serde_json::from_slice(&response.body).unwrap_or_default()
    }

    pub(super) fn expires_in(&self) -> &'static str {
        match self.expires_in {
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a text",
            Some(_) => "another value",
            None => "absent",
        }
    }

    pub(super) fn refresh_token(&self) -> &'static str {
        presence(self.refresh_token.is_some())
    }

    pub(super) fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }
}

pub(super) fn presence(is_present: bool) -> &'static str {
    if is_present { "present" } else { "absent" }
}
