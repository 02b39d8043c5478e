//! The error of the last rotation, as it is stored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rotation::RotationError;

/// The error of the last rotation, and the number of failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    /// The stable name of the error kind.
    pub(crate) r#type: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) at: Timestamp,
    pub(crate) failures: u32,
    /// Whether a request asked for the rotation: it is retried, whatever the plan wants.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_requested: bool,
}

/// Why a rotation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is due, or a failed one is retried.
    Due,
    /// A request asks for it.
    Request,
}

impl LastError {
    /// The error after one more failure.
    pub(crate) fn after(before: Option<&Self>, error: &RotationError, cause: Cause, at: Timestamp) -> Self {
        Self {
            r#type: error.kind().name().to_owned(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
            at,
            failures: before.map_or(0, |before| before.failures).saturating_add(1),
            is_requested: cause == Cause::Request || before.is_some_and(|before| before.is_requested),
        }
    }

    /// The fields that a read returns.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "type": self.r#type,
            "message": self.message,
            "hint": self.hint,
            "at": shown_time(self.at),
            "failures": self.failures,
        })
    }
}

/// A time as reads return it, in whole seconds.
pub(crate) fn shown_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
