//! The part of the control surface that steers Secrets Manager.
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sim/secrets-manager` | returns the ended rotations, with each failure's step and error |
//! | `GET /_sim/secrets-manager/accesses` | returns the signed calls, see [`Access`](super::Access) |
//! | `DELETE /_sim/secrets-manager/accesses` | clears them |
//! | `GET /_sim/secrets-manager/label-events` | returns the events that the service would send to EventBridge |
//! | `PATCH /_sim/secrets-manager` | sets knobs, see [`Knobs`] |
//! | `POST /_sim/secrets-manager/secrets` | adds a secret, see [`NewSecret`] |
//! | `POST /_sim/secrets-manager/advance` | advances the clock by `seconds` |

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::create::create_secret;
use super::input::Input;
use super::rotation::RotationOutcome;
use super::service::SecretsManager;
use super::settings::{RotationTokenScope, SecretsManagerSettings};
use crate::control::{Advance, done, read};
use crate::http::{self, Reply, Request};

/// The settings as JSON. Missing ones keep their value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knobs {
    /// [`SecretsManagerSettings::stale_reads`].
    pub stale_reads: Option<u32>,
    /// [`SecretsManagerSettings::retries`].
    pub retries: Option<u32>,
    /// [`SecretsManagerSettings::retry_delay`], in milliseconds.
    pub retry_delay_ms: Option<u64>,
    /// [`SecretsManagerSettings::function_timeout`], in milliseconds.
    pub function_timeout_ms: Option<u64>,
    /// [`SecretsManagerSettings::writes_per_second`].
    pub writes_per_second: Option<u32>,
    /// [`SecretsManagerSettings::largest_page`].
    pub largest_page: Option<usize>,
    /// [`SecretsManagerSettings::denied`].
    pub denied: Option<BTreeSet<String>>,
    /// [`SecretsManagerSettings::rotation_token_required`]: `nothing`, `rotation-version` or `every-version`.
    pub rotation_token_required: Option<RotationTokenScope>,
    /// [`SecretsManagerSettings::rotation_token_elsewhere`].
    pub rotation_token_elsewhere: Option<bool>,
    /// [`SecretsManagerSettings::hourly_rate_days`].
    pub hourly_rate_days: Option<i64>,
    /// [`SecretsManagerSettings::synchronous_tests`].
    pub synchronous_tests: Option<bool>,
    /// [`SecretsManagerSettings::list_lag`], in seconds.
    pub list_lag_seconds: Option<u64>,
}

/// A secret as JSON, for clients without an AWS SDK:
/// `{"name": "prod/genesys", "value": {"region": "…"}, "tags": {"team": "contact-centre"}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Its name.
    pub name: String,
    /// Its value, as JSON.
    pub value: Value,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Answers a request of this part of the control surface; `None` for any other request.
pub fn control(request: &Request, service: &SecretsManager) -> Option<Reply> {
    Some(done(match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/_sim/secrets-manager") => return Some(http::json(StatusCode::OK, &describe(service))),
        ("GET", "/_sim/secrets-manager/accesses") => {
            return Some(http::json(StatusCode::OK, &json!({ "accesses": service.accesses() })));
        }
        ("GET", "/_sim/secrets-manager/label-events") => {
            return Some(http::json(StatusCode::OK, &json!({ "events": service.label_events() })));
        }
        ("DELETE", "/_sim/secrets-manager/accesses") => {
            service.forget_accesses();
            Ok(())
        }
        ("PATCH", "/_sim/secrets-manager") => {
            read::<Knobs>(request).map(|knobs| service.set(|settings| knobs.apply(settings)))
        }
        ("POST", "/_sim/secrets-manager/secrets") => read::<NewSecret>(request).and_then(|secret| secret.add(service)),
        ("POST", "/_sim/secrets-manager/advance") => {
            read::<Advance>(request).map(|advance| service.advance(Duration::from_secs(advance.seconds)))
        }
        _ => return None,
    }))
}

impl NewSecret {
    fn add(self, service: &SecretsManager) -> Result<(), String> {
        let tags: Vec<Value> = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let members = json!({
            "Name": self.name,
            "SecretString": self.value.to_string(),
            "Tags": tags,
            "ClientRequestToken": Uuid::new_v4().to_string(),
        });
        let members = members.as_object().cloned().unwrap_or_default();
        create_secret(&mut service.state(), &Input::new(&members, "")).map(drop).map_err(|error| error.message)
    }
}

impl Knobs {
    fn apply(self, settings: &mut SecretsManagerSettings) {
        set(&mut settings.stale_reads, self.stale_reads);
        set(&mut settings.retries, self.retries);
        set(&mut settings.retry_delay, self.retry_delay_ms.map(Duration::from_millis));
        set(&mut settings.function_timeout, self.function_timeout_ms.map(Duration::from_millis));
        set(&mut settings.writes_per_second, self.writes_per_second.map(Some));
        set(&mut settings.largest_page, self.largest_page);
        set(&mut settings.denied, self.denied);
        set(&mut settings.rotation_token_required, self.rotation_token_required);
        set(&mut settings.rotation_token_elsewhere, self.rotation_token_elsewhere);
        set(&mut settings.hourly_rate_days, self.hourly_rate_days.map(Some));
        set(&mut settings.synchronous_tests, self.synchronous_tests);
        set(&mut settings.list_lag, self.list_lag_seconds.map(Duration::from_secs));
    }
}

fn set<T>(knob: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *knob = value;
    }
}

fn describe(service: &SecretsManager) -> Value {
    let rotations: Vec<Value> = service.rotation_outcomes().iter().map(outcome).collect();
    json!({ "rotations": rotations })
}

fn outcome(outcome: &RotationOutcome) -> Value {
    let failures: Vec<Value> = outcome
        .failures
        .iter()
        .map(|(step, error)| json!({"step": step, "error_type": error.error_type, "message": error.message}))
        .collect();
    json!({
        "secret": outcome.secret,
        "version_id": outcome.version_id,
        "succeeded": outcome.succeeded,
        "failures": failures,
    })
}
