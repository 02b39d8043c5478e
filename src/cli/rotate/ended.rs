//! The outcome of a secret: rotated, or skipped for a reason.

use super::decide::Reason;
use crate::cli::report::previous::PreviousEnd;
use crate::cli::report::{Rotation, RotationJson};
use crate::cli::terminal::output::{Format, Output};

/// The outcome of a secret.
pub(super) enum Ended {
    Rotated(Box<Rotation>),
    Skipped(Skipped),
}

/// A skipped secret.
pub(super) struct Skipped {
    pub(super) typed: String,
    pub(super) reason: Reason,
    /// The revocation of its previous token.
    pub(super) revocation: Option<PreviousEnd>,
}

impl Skipped {
    /// Prints the secret with the reason, and what could not be revoked.
    pub(super) fn show(&self, output: &Output) {
        let Self { typed, reason, revocation } = self;
        let message = reason.sentence();
        match (output.format, reason) {
            (Format::Json, _) => {
                output.json(&RotationJson::skipped(typed, reason.name(), message, revocation.as_ref()));
            }
            (Format::Text, Reason::NotStarted) => output.note(format_args!("{typed}: {message}")),
            (Format::Text, _) => {
                let revocation = revocation.as_ref().map(PreviousEnd::text).unwrap_or_default();
                output.result(format_args!("skip  {typed}  {message}{revocation}"));
            }
        }
        if let Some(revocation) = revocation {
            revocation.print_errors(typed, output);
        }
    }
}
