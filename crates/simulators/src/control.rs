//! The control surface: HTTP requests below `/_sim/` that configure the simulators.
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sim/calls` | returns the journal: `calls` and `longest_chain` |
//! | `DELETE /_sim/calls` | clears the journal |
//! | `POST /_sim/faults` | adds a fault, see [`FaultRequest`] |
//! | `DELETE /_sim/faults` | removes all faults |
//! | `/_sim/genesys…` | see [`crate::genesys::control`] |
//! | `/_sim/cxone…` | see [`crate::cxone::control`] |
//! | `/_sim/secrets-manager…` | see [`crate::secrets_manager::control`] |
//!
//! A call has `operation`, `began` and `ended` (milliseconds since the first call) and `status`.
//! A change answers 204; an invalid body answers 400 with a message.

use std::time::Duration;

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::faults::{Effect, Fault, FaultAnswer, Faults};
use crate::http::{self, Reply, Request};
use crate::journal::Journal;

/// The prefix of the paths of the control surface.
const PREFIX: &str = "/_sim/";

/// The largest generated body of a fault, in bytes.
const LARGEST_BODY: usize = 1 << 28;

/// A fault as JSON: `{"operation": "POST /oauth/token", "skip": 0, "times": 1, "effect": {"type": "drop"}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// The operation it applies to, or `*` for all of them.
    pub operation: String,
    /// How many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many calls are hit after that. Missing: all.
    pub times: Option<u32>,
    /// The effect on these calls.
    pub effect: EffectRequest,
}

/// A fault's effect as JSON.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EffectRequest {
    /// [`Effect::Answer`].
    Answer {
        /// The HTTP status.
        status: u16,
        /// Header fields, beside `content-type`.
        #[serde(default)]
        headers: Map<String, Value>,
        /// The content type. Missing: `application/json`.
        content_type: Option<String>,
        /// The body, as text or as JSON.
        #[serde(default)]
        body: Value,
        /// The size of a generated body, in bytes, in place of `body`.
        body_bytes: Option<usize>,
    },
    /// [`Effect::Delay`].
    Delay {
        /// The delay of the answer.
        milliseconds: u64,
    },
    /// [`Effect::Drop`].
    Drop {},
    /// [`Effect::LoseAnswer`].
    LoseAnswer {},
    /// [`Effect::Hang`].
    Hang {},
    /// [`Effect::KillBefore`].
    KillBefore {},
    /// [`Effect::KillAfter`].
    KillAfter {},
}

/// By how much to advance a clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    pub(super) seconds: u64,
}

/// Answers a request of the control surface; `None` for any other request.
pub fn handle(request: &Request, faults: &Faults, journal: &Journal) -> Option<Reply> {
    let path = request.path.strip_prefix(PREFIX)?;
    let result = match (request.method.as_str(), path) {
        ("GET", "calls") => return Some(http::json(StatusCode::OK, &calls(journal))),
        ("DELETE", "calls") => {
            journal.clear();
            Ok(())
        }
        ("POST", "faults") => read(request).and_then(fault).map(|fault| faults.add(fault)),
        ("DELETE", "faults") => {
            faults.clear();
            Ok(())
        }
        (method, _) => {
            return Some(refuse(StatusCode::NOT_FOUND, &format!("{method} {} does not exist.", request.path)));
        }
    };
    Some(done(result))
}

/// The answer to a change: 204, or 400 with the reason.
pub(super) fn done(result: Result<(), String>) -> Reply {
    match result {
        Ok(()) => http::empty(StatusCode::NO_CONTENT),
        Err(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
    }
}

fn calls(journal: &Journal) -> Value {
    let calls = journal.calls();
    let first = calls.first().map(|call| call.began);
    let since = |moment: tokio::time::Instant| {
        first.map(|first| moment.saturating_duration_since(first).as_micros() as f64 / 1000.0)
    };
    let shown: Vec<_> = calls
        .iter()
        .map(|call| {
            json!({
                "operation": call.operation,
                "began": since(call.began),
                "ended": call.ended.and_then(since),
                "status": call.status.map(|status| status.as_u16()),
            })
        })
        .collect();
    json!({ "calls": shown, "longest_chain": journal.longest_chain() })
}

pub(super) fn merge<T: Serialize + DeserializeOwned>(settings: &T, knobs: Map<String, Value>) -> Result<T, String> {
    let mut merged = serde_json::to_value(settings).map_err(|error| error.to_string())?;
    for (name, value) in knobs {
        merged[name] = value;
    }
    serde_json::from_value(merged).map_err(|error| format!("The knobs are not valid: {error}."))
}

fn fault(request: FaultRequest) -> Result<Fault, String> {
    let FaultRequest { operation, skip, times, effect } = request;
    Ok(Fault { operation, skip, times, effect: effect.into_effect()? })
}

impl EffectRequest {
    fn into_effect(self) -> Result<Effect, String> {
        Ok(match self {
            Self::Answer { status, headers, content_type, body, body_bytes } => {
                let status = StatusCode::from_u16(status).map_err(|_| format!("{status} is not an HTTP status."))?;
                let content_type = content_type.as_deref().unwrap_or("application/json");
                let answer = FaultAnswer::new(status, content_type, body_text(body, body_bytes)?);
                Effect::Answer(headers.iter().try_fold(answer, with_header)?)
            }
            Self::Delay { milliseconds } => Effect::Delay(Duration::from_millis(milliseconds)),
            Self::Drop {} => Effect::Drop,
            Self::LoseAnswer {} => Effect::LoseAnswer,
            Self::Hang {} => Effect::Hang,
            Self::KillBefore {} => Effect::KillBefore,
            Self::KillAfter {} => Effect::KillAfter,
        })
    }
}

fn with_header(answer: FaultAnswer, (name, value): (&String, &Value)) -> Result<FaultAnswer, String> {
    match value {
        Value::String(value) => Ok(answer.with_header(name, value)),
        Value::Number(value) => Ok(answer.with_header(name, &value.to_string())),
        _ => Err(format!("The header {name} must be a string or a number.")),
    }
}

fn body_text(body: Value, bytes: Option<usize>) -> Result<String, String> {
    match (body, bytes) {
        (_, Some(bytes)) if bytes > LARGEST_BODY => Err(format!("A body can have at most {LARGEST_BODY} bytes.")),
        (_, Some(bytes)) => Ok("x".repeat(bytes)),
        (Value::Null, None) => Ok(String::new()),
        (Value::String(text), None) => Ok(text),
        (json, None) => Ok(json.to_string()),
    }
}

pub(super) fn read<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| format!("The body is not valid: {error}."))
}

fn refuse(status: StatusCode, reason: &str) -> Reply {
    http::json(status, &json!({ "error": reason }))
}
