//! `--format openmetrics`: the status for Prometheus. It holds names and times, and no part of a value.

use jiff::Timestamp;
use strum::VariantArray;

use super::condition::Condition;
use super::state::{Status, TokenStatus};
use crate::openmetrics::{END, family, label};
use crate::rotation::Description;

/// The metrics of all secrets, read at `now`.
pub(super) fn text(statuses: &[Status], now: Timestamp) -> String {
    let mut text = String::new();
    family(
        &mut text,
        ("genesys_status_timestamp_seconds", "gauge"),
        "When the secrets were read.",
        [(String::new(), now.as_second())],
    );
    let states = statuses.iter().flat_map(|status| {
        let current = status.condition(now);
        let secret = label("secret", &status.typed);
        Condition::VARIANTS
            .iter()
            .map(move |state| (format!("{{{secret},{}}}", label("state", state.name())), i64::from(*state == current)))
    });
    family(&mut text, ("genesys_secret_state", "gauge"), "1 for the state of the secret, 0 for the others.", states);
    let mut each = |name, help, value: &dyn Fn(&Status) -> Option<i64>| {
        let samples = statuses
            .iter()
            .filter_map(|status| Some((format!("{{{}}}", label("secret", &status.typed)), value(status)?)));
        family(&mut text, (name, "gauge"), help, samples);
    };
    each("genesys_secret_token_issued_timestamp_seconds", "The issue of the token.", &|status| match status.token {
        TokenStatus::Stored { issued_at, .. } => seconds(issued_at),
        _ => None,
    });
    each("genesys_secret_token_expiry_timestamp_seconds", "The expiry of the token.", &|status| {
        seconds(status.expires_at())
    });
    each("genesys_secret_last_rotation_timestamp_seconds", "The last rotation that succeeded.", &|status| {
        seconds(described(status)?.last_rotated)
    });
    each("genesys_secret_next_rotation_timestamp_seconds", "The next scheduled rotation.", &|status| {
        seconds(described(status)?.next_rotation)
    });
    each(
        "genesys_secret_pending_since_timestamp_seconds",
        "When the rotation began that is not promoted.",
        &|status| seconds(status.pending_since),
    );
    each("genesys_secret_rotation_enabled", "Whether rotation is enabled, where it was configured.", &|status| {
        described(status)?.rotation_enabled.map(i64::from)
    });
    text.push_str(END);
    text
}

fn described(status: &Status) -> Option<&Description> {
    status.described.as_ref()
}

fn seconds(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(|moment| moment.as_second())
}
