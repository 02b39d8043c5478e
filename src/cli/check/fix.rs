//! `check --fix`: raise the OAuth client's token duration to what the schedule needs.

use serde::Serialize;

use crate::cli::exit::sentence;
use crate::cli::output::Output;
use crate::rotation::{CheckReport, ErrorKind, Raised, RotationError, sufficient_duration};

/// What became of it.
pub(super) enum Fix {
    /// Nobody asked, or there was nothing to raise.
    NotTried,
    /// These clients were changed.
    Raised(Vec<Raised>),
    /// None was changed, or not all.
    Failed(RotationError),
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
        let Self::Raised(raised) = self else { return None };
        let json = raised.iter().map(|Raised { client_id, from, to }| RaisedJson {
            client_id,
            from: from.as_secs(),
            to: to.as_secs(),
        });
        Some(json.collect())
    }

    pub(super) fn show(&self, output: &Output) {
        let Self::Raised(raised) = self else { return };
        for Raised { client_id, from, to } in raised {
            let (from, to) = (from.as_secs(), to.as_secs());
            let mark = output.style.mark(true);
            output.result(format_args!(
                "  {mark} raised the token duration of client {client_id} from {from} s to {to} s"
            ));
        }
    }

    /// What to say of a token whose life is still too short.
    pub(super) fn explain(&self, report: &CheckReport, (message, hint): (String, String)) -> (String, String) {
        match self {
            Self::NotTried => (message, hint),
            Self::Raised(raised) if raised.is_empty() => {
                let now = "the client's token duration is long enough already, and may take a while to reach new tokens: check again in some minutes";
                (message, now.to_owned())
            }
            Self::Raised(_) => {
                let now = "the token duration was raised just now, and may take a while to reach new tokens: check again in some minutes";
                (message, now.to_owned())
            }
            Self::Failed(error) => {
                let hint = match error.kind() {
                    ErrorKind::PermissionMissing => by_hand(report),
                    _ => error.hint().to_owned(),
                };
                (format!("{message}; it could not be raised: {}", sentence(error)), hint)
            }
        }
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
