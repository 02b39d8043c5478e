//! The JSON form of a status, with full ids and RFC 3339 timestamps.

use jiff::Timestamp;
use serde::Serialize;

use super::rows::schedule;
use super::state::{Status, TokenStatus};
use crate::cli::exit::ErrorJson;
use crate::rotation::CURRENT;

#[derive(Debug, Serialize)]
pub(super) struct StatusJson<'a> {
    /// When it was read, with `--watch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    secret: &'a str,
    /// The name of its condition, such as `ok` or `expired`.
    state: &'static str,
    name: Option<&'a str>,
    arn: Option<&'a str>,
    /// The current version.
    version_id: Option<&'a str>,
    versions: Vec<VersionJson<'a>>,
    /// `stored`, `missing`, `not_permitted` or `unknown`.
    token: &'static str,
    issued_at: Option<String>,
    expires_at: Option<String>,
    rotation_enabled: Option<bool>,
    rotation_function: Option<&'a str>,
    schedule: Option<String>,
    last_rotated: Option<String>,
    next_rotation: Option<String>,
    /// When a rotation began that is not promoted; null where the store does not tell.
    pending_since: Option<String>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct VersionJson<'a> {
    version_id: &'a str,
    labels: &'a [String],
}

impl<'a> StatusJson<'a> {
    pub(super) fn of(status: &'a Status, now: Timestamp) -> Self {
        let described = status.described.as_ref();
        let date = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        let (token, issued_at, expires_at) = match status.token {
            TokenStatus::Stored { issued_at, expires_at } => ("stored", issued_at, expires_at),
            TokenStatus::Missing => ("missing", None, None),
            TokenStatus::NotPermitted => ("not_permitted", None, None),
            TokenStatus::Unreadable | TokenStatus::Unknown => ("unknown", None, None),
        };
        let version = |version: &'a crate::rotation::LabelledVersion| VersionJson {
            version_id: version.id.as_str(),
            labels: &version.labels,
        };
        Self {
            at: None,
            secret: &status.typed,
            state: status.condition(now).name(),
            name: described.map(|described| described.name.as_str()),
            arn: described.and_then(|described| described.arn.as_deref()),
            version_id: described.and_then(|described| described.holder(CURRENT)).map(|version| version.as_str()),
            versions: status.versions().into_iter().map(version).collect(),
            token,
            issued_at: date(issued_at),
            expires_at: date(expires_at),
            rotation_enabled: described.and_then(|described| described.rotation_enabled),
            rotation_function: described.and_then(|described| described.rotation_function.as_deref()),
            schedule: described.and_then(|described| described.rotation_rules.as_ref()).and_then(schedule),
            last_rotated: date(described.and_then(|described| described.last_rotated)),
            next_rotation: date(described.and_then(|described| described.next_rotation)),
            pending_since: date(status.pending_since),
            error: status.error.as_ref().map(ErrorJson::from),
        }
    }
}

impl StatusJson<'_> {
    /// The same, with the time of reading.
    pub(super) fn seen(self, at: Timestamp) -> Self {
        Self { at: Some(at.to_string()), ..self }
    }

    /// The same, without its error.
    pub(super) fn without_error(self) -> Self {
        Self { error: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::rows::tests::{moment, status};

    #[test]
    fn the_json_has_full_ids_and_dates() {
        let status = status(TokenStatus::Stored {
            issued_at: Some(moment("2026-01-02T03:04:05Z")),
            expires_at: Some(moment("2026-01-03T03:04:04Z")),
        });
        let json =
            serde_json::to_value(StatusJson::of(&status, moment("2026-01-02T06:00:00Z"))).expect("it is serialised");
        assert_eq!(json["version_id"], "11111111-1111-1111-1111-111111111111");
        assert_eq!(json["versions"][0]["labels"], serde_json::json!(["AWSCURRENT"]));
        assert_eq!(json["versions"][1]["version_id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!((&json["state"], &json["pending_since"]), (&"ok".into(), &serde_json::Value::Null));
        assert_eq!((&json["token"], &json["expires_at"]), (&"stored".into(), &"2026-01-03T03:04:04Z".into()));
        assert_eq!(json["next_rotation"], "2026-01-02T08:00:00Z");
        assert_eq!((&json["schedule"], &json["error"]), (&"rate(4 hours), window 2h".into(), &serde_json::Value::Null));
    }
}
