//! How many secrets came to which end, and which of them never did.

use std::collections::VecDeque;

use serde::Serialize;

use super::decide::Reason;
use super::one::Rotating;
use super::report::{Ended, Skipped, show_skipped};
use crate::cli::exit::Exit;
use crate::cli::target::selection::Chosen;
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;
use crate::rotation::{Revocation, RotationError, Step};

/// What has come of a run so far.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    rotated: usize,
    failed: usize,
    skipped: usize,
    /// Secrets whose former tokens are dead.
    revoked: usize,
    /// Secrets whose former tokens should be dead and may not be.
    not_revoked: usize,
    /// Secrets whose former tokens cannot be revoked, and live until they expire.
    expiring: usize,
    not_begun: usize,
    in_flight: usize,
    #[serde(skip)]
    fresh: usize,
    /// Whether no further secret is begun.
    #[serde(skip)]
    pub(super) is_stopping: bool,
}

#[derive(Serialize)]
struct Summary<'a> {
    summary: &'a Tally,
}

impl Tally {
    /// Shows what came of a secret, and counts it.
    pub(super) fn count(&mut self, ended: &Ended, rotating: &Rotating<'_>) {
        let is_many = rotating.arguments.selection.all;
        let revocation = match ended {
            Ended::Rotated(rotation) => {
                rotation.show(rotating.session, is_many);
                let count = if rotation.report.promoted() { &mut self.rotated } else { &mut self.failed };
                *count += 1;
                &rotation.revocation
            }
            Ended::Skipped(skipped) => {
                show_skipped(skipped, rotating.session);
                self.skipped += 1;
                self.fresh += usize::from(matches!(skipped.reason, Reason::Fresh(_)));
                &skipped.revocation
            }
        };
        self.count_revocation(revocation.as_ref());
    }

    fn count_revocation(&mut self, revocation: Option<&Result<Revocation, RotationError>>) {
        match revocation {
            Some(Ok(Revocation::Revoked)) => self.revoked += 1,
            Some(Ok(Revocation::NotOffered(_))) => self.expiring += 1,
            Some(Err(_)) => self.not_revoked += 1,
            Some(Ok(Revocation::NothingToRevoke)) | None => {}
        }
    }

    /// None of these will be begun.
    pub(super) fn stop(&mut self, left: VecDeque<Chosen>, rotating: &Rotating<'_>) {
        self.is_stopping = true;
        self.not_begun = left.len();
        rotating.progress.above(|| {
            for Chosen { secret, .. } in left {
                let (typed, reason) = (secret.typed, Reason::NotBegun);
                show_skipped(&Skipped { typed, reason, revocation: None }, rotating.session);
            }
        });
        if self.not_begun > 0 && rotating.arguments.selection.all {
            let moment = rotating.began;
            rotating.progress.note(&format!("to do the rest, run it again with --older-than {moment}"));
        }
    }

    /// The process ends with these under way.
    pub(super) fn abandon(&mut self, running: Vec<(String, Option<Step>)>, rotating: &Rotating<'_>) {
        self.in_flight = running.len();
        for (typed, step) in running {
            let step = step.map_or_else(String::new, |step| format!(", in {step}"));
            rotating.session.output.note(format_args!("{typed}: left under way{step}"));
        }
        if self.in_flight > 0 {
            rotating.session.output.note(
                "readers of these keep a complete document; a token that was just being made may live on until it expires",
            );
        }
    }

    /// Shows the numbers, where there are many secrets, and tells how the command ends.
    pub(super) fn show(&self, session: &Session, is_many: bool) -> Exit {
        if is_many {
            match session.output.format {
                Format::Json => session.output.json(&Summary { summary: self }),
                Format::Text => session.output.result(self.line()),
            }
            if self.rotated + self.failed + self.fresh + self.not_begun + self.in_flight == 0 {
                session.output.error(
                    "none of the secrets that match holds a token that a rotation has written",
                    "check the tag, the prefix and the region; rotate a secret once by its name to begin with, or name the function with --rotation-function",
                );
                return Exit::Failed;
            }
        }
        let undone = self.failed + self.not_revoked + self.not_begun + self.in_flight;
        if undone == 0 { Exit::Done } else { Exit::Failed }
    }

    fn line(&self) -> String {
        let counts = [
            (self.not_revoked, "not revoked"),
            (self.expiring, "left to expire"),
            (self.not_begun, "not begun"),
            (self.in_flight, "left under way"),
        ];
        let mut line = format!(
            "{} rotated, {} failed, {} skipped, {} revoked",
            self.rotated, self.failed, self.skipped, self.revoked
        );
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            line.push_str(&format!(", {count} {what}"));
        }
        line
    }
}
