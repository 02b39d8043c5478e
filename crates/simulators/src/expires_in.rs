//! The forms of `expires_in` in token answers.

use serde::{Deserialize, Serialize};

/// The form of `expires_in` in a token answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpiresIn {
    /// A number, as of the real services.
    #[default]
    Number,
    /// A string of digits.
    Text,
    /// Missing.
    Missing,
}
