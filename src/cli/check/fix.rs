//! `check --fix`: raises the OAuth client's token duration to what the schedule requires.

use serde::Serialize;

use crate::cli::terminal::output::Output;
use crate::rotation::{CheckReport, ErrorKind, RaiseReport, Raised, RotationError, sufficient_duration};

/// The result of `--fix`.
#[derive(Default)]
pub(super) struct Fix {
    /// `None` without `--fix`, or if the duration was sufficient.
    pub(super) tried: Option<RaiseReport>,
}

#[derive(Serialize)]
pub(super) struct RaisedJson<'a> {
    client_id: &'a str,
    /// The token duration before, in seconds.
    from: u64,
    /// The token duration after, in seconds.
    to: u64,
}

impl Fix {
    pub(super) fn to_json(&self) -> Option<Vec<RaisedJson<'_>>> {
        let raised = self.tried.as_ref()?.raised.iter();
        let json = raised.map(|Raised { client_id, from, to }| RaisedJson {
            client_id,
            from: from.as_secs(),
            to: to.as_secs(),
        });
        Some(json.collect())
    }

    pub(super) fn show(&self, output: &Output) {
        for Raised { client_id, from, to } in self.tried.iter().flat_map(|report| &report.raised) {
            let (from, to) = (from.as_secs(), to.as_secs());
            let raised = format_args!("raised the token duration of client {client_id} from {from} s to {to} s");
            output.marked("  ", true, raised);
        }
    }

    /// Message and hint for a token whose lifetime is still too short.
    pub(super) fn explain(&self, report: &CheckReport, (message, hint): (String, String)) -> (String, String) {
        let Some(tried) = &self.tried else { return (message, hint) };
        let Some(error) = &tried.error else {
            let what = if tried.raised.is_empty() { "is already sufficient" } else { "was raised just now" };
            let hint =
                format!("the token duration {what} and may take some minutes to apply to new tokens: check again then");
            return (message, hint);
        };
        let hint = match error.kind() {
            ErrorKind::PermissionMissing => manual_hint(report),
            _ => error.hint().to_owned(),
        };
        (format!("{message}; the token duration could not be raised: {}", error.chain()), hint)
    }

    /// Why a client's duration was not raised, even if the checked token's lifetime is sufficient.
    pub(super) fn rest(&self) -> Option<&RotationError> {
        self.tried.as_ref()?.error.as_ref()
    }
}

fn manual_hint(report: &CheckReport) -> String {
    let enough = report.token_life.needed.and_then(|needed| sufficient_duration(needed, report.token_duration));
    let to = enough.map_or_else(String::new, |enough| format!(" to {} s", enough.as_secs()));
    let client = &report.client_id;
    format!(
        "set the Token Duration of the OAuth client {client}{to} in Admin > Integrations > OAuth, or grant it a role with oauth:client:view and oauth:client:edit and run `check --fix` again"
    )
}
