//! `check --fix`: raise the OAuth client's token duration to what the schedule needs.

use serde::Serialize;

use crate::cli::terminal::output::Output;
use crate::rotation::{CheckReport, ErrorKind, RaiseReport, Raised, RotationError, sufficient_duration};

/// What became of it.
#[derive(Default)]
pub(super) struct Fix {
    /// `None` where nobody asked, or there was nothing to raise.
    pub(super) tried: Option<RaiseReport>,
}

#[derive(Serialize)]
pub(super) struct RaisedJson<'a> {
    client_id: &'a str,
    /// Its token duration before, in seconds.
    from: u64,
    /// Its token duration now, in seconds.
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
            let (mark, from, to) = (output.style.mark(true), from.as_secs(), to.as_secs());
            output.result(format_args!(
                "  {mark} raised the token duration of client {client_id} from {from} s to {to} s"
            ));
        }
    }

    /// What to say of a token whose life is still too short.
    pub(super) fn explain(&self, report: &CheckReport, (message, hint): (String, String)) -> (String, String) {
        let Some(tried) = &self.tried else { return (message, hint) };
        let Some(error) = &tried.error else {
            let what = if tried.raised.is_empty() { "is long enough already" } else { "was raised just now" };
            let hint = format!(
                "the token duration {what}, and may take a while to reach new tokens: check again in some minutes"
            );
            return (message, hint);
        };
        let hint = match error.kind() {
            ErrorKind::PermissionMissing => by_hand(report),
            _ => error.hint().to_owned(),
        };
        (format!("{message}; it could not be raised: {}", error.chain()), hint)
    }

    /// Why a client was left as it was although its token may outlive the schedule by now.
    pub(super) fn rest(&self) -> Option<&RotationError> {
        self.tried.as_ref()?.error.as_ref()
    }
}

fn by_hand(report: &CheckReport) -> String {
    let enough = report.token_life.needed.and_then(|needed| sufficient_duration(needed, report.token_duration));
    let to = enough.map_or_else(String::new, |enough| format!(" to {} s", enough.as_secs()));
    let client = &report.client_id;
    format!(
        "set the Token Duration of the OAuth client {client}{to} by hand (Admin > Integrations > OAuth); or give it a role with oauth:client:view and oauth:client:edit, and run `check --fix` again"
    )
}
