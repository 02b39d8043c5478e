//! Automated rotation of the configs' own secrets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::engine::automation::last_error::{Cause, LastError, shown_time};
use crate::engine::automation::plan::RotationPlan;
use crate::engine::automation::timing::{LastRotation, RotationTiming, due};
use crate::engine::failure::to_error;
use crate::engine::storage::config::{Config, SecretSuccession};
use crate::engine::storage::entries::Entries;
use crate::rotation::VersionId;
use openbao_plugin::Failure;
use openbao_plugin::framework::{Call, Field, refuse};

/// The prefix of the storage keys.
pub(crate) const PREFIX: &str = "root-automation/";
const ACCEPT_GAP: &str = "accept_gap";

/// The request field of a config, beside those of its plan.
pub(crate) const GAP_FIELD: Field = Field::boolean(
    ACCEPT_GAP,
    "Whether the secret of the config's only client may be rotated automatically: until the engine has stored the new \
     secret, no new token can be issued.",
)
.default("false");

/// When a config's secret is rotated, and how the last rotation ended, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RootAutomation {
    #[serde(flatten)]
    plan: RotationPlan,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    accept_gap: bool,
    /// The seed of the jitter. Each rotation replaces it.
    seed: VersionId,
    /// The time from which the next rotation counts: that of the last rotation, or of the write that set the plan.
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_rotation: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
}

impl RootAutomation {
    /// Reads the settings of a config; `None` where it has none.
    ///
    /// # Errors
    /// The host's error, or that the entry is damaged.
    pub(crate) async fn of(entries: &Entries, config: &str) -> Result<Option<Self>, Failure> {
        entries.get(&key(config)).await
    }

    /// The stored settings, updated with the fields of the request; `None` without a plan.
    ///
    /// # Errors
    /// 400 for an invalid combination or value, or for a config whose secret cannot be rotated automatically.
    pub(crate) fn merged(
        call: &Call,
        stored: Option<Self>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        let plan = stored.as_ref().map(|stored| stored.plan.clone()).unwrap_or_default();
        let accept_gap = call.boolean(ACCEPT_GAP).unwrap_or(stored.as_ref().is_some_and(|stored| stored.accept_gap));
        let merged = RotationPlan::merged(call, plan)?;
        if merged == RotationPlan::default() && !accept_gap {
            return Ok(None);
        }
        let mut automation = match stored {
            Some(stored) if stored.plan == merged => stored,
            // A change of the plan counts from now.
            stored => Self {
                plan: merged,
                accept_gap,
                seed: VersionId::random(),
                since: now,
                last_rotation: stored.and_then(|stored| stored.last_rotation),
                last_error: None,
            },
        };
        automation.accept_gap = accept_gap;
        automation.check(config)?;
        Ok(Some(automation))
    }

    /// Stores or deletes the settings of a config.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn store(entries: &Entries, config: &str, automation: Option<&Self>) -> Result<(), Failure> {
        match automation {
            Some(automation) => entries.put(&key(config), automation).await,
            None => entries.delete(&key(config)).await,
        }
    }

    /// Checks that the config's secret may be rotated automatically.
    ///
    /// # Errors
    /// 400 that says what is missing.
    pub(crate) fn check(&self, config: &Config) -> Result<(), Failure> {
        match config.succession() {
            _ if !self.plan.is_set() => Ok(()),
            SecretSuccession::InPlace if !self.accept_gap => Err(refuse(
                "automated rotation of a client's only secret needs accept_gap: until the new secret is stored, no token can be issued",
                "set idle_client_id and admin_config for a rotation without a gap, or accept_gap=true",
            )),
            SecretSuccession::VendorOnly => Err(refuse(
                "the secret of an older application of nice-cxone cannot be rotated",
                "remove rotation_period and rotation_schedule",
            )),
            _ => Ok(()),
        }
    }

    /// When the secret is rotated next; `None` without automated rotation.
    pub(crate) fn next_rotation(&self, now: Timestamp) -> Option<Timestamp> {
        let is_first = self.last_rotation.is_none();
        let last = LastRotation { seed: self.seed.as_str(), is_first, at: self.since, expires_at: None };
        due(&RotationTiming {
            pace: self.plan.pace(),
            last: Some(last),
            is_pending: false,
            failed: self.last_error.as_ref(),
            now,
        })
    }

    /// The settings after a rotation.
    pub(crate) fn rotated(self, now: Timestamp) -> Self {
        Self { seed: VersionId::random(), since: now, last_rotation: Some(now), last_error: None, ..self }
    }

    /// The settings after a failed rotation.
    pub(crate) fn failed(self, failure: &Failure, now: Timestamp) -> Self {
        let last_error = Some(LastError::after(self.last_error.as_ref(), &to_error(failure), Cause::Due, now));
        Self { last_error, ..self }
    }

    /// The last rotation since automated rotation was set; `None` before it.
    pub(crate) fn last_rotation(&self) -> Option<Timestamp> {
        self.last_rotation
    }

    /// Whether the last rotation failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.last_error.is_some()
    }

    /// The fields that reading the config returns.
    pub(crate) fn shown(&self, now: Timestamp) -> Map<String, Value> {
        let mut shown = self.plan.shown();
        shown.insert(ACCEPT_GAP.to_owned(), self.accept_gap.into());
        let next = self.next_rotation(now).map(|next| shown_time(next.max(now)));
        shown.insert("last_vault_rotation".to_owned(), json!(self.last_rotation.map(shown_time)));
        shown.insert("next_rotation".to_owned(), json!(next));
        shown.insert("last_error".to_owned(), json!(self.last_error.as_ref().map(LastError::shown)));
        shown
    }
}

fn key(config: &str) -> String {
    format!("{PREFIX}{config}")
}
