//! The counts of a run, by outcome.

use std::collections::VecDeque;

use serde::Serialize;

use super::decide::Reason;
use super::ended::{Ended, Skipped};
use super::one::Rotating;
use crate::cli::exit::Exit;
use crate::cli::report::previous::PreviousEnd;
use crate::cli::target::session::Session;
use crate::cli::target::source::Chosen;
use crate::cli::terminal::output::Format;
use crate::rotation::{Revocation, Step};

/// The counts of a run so far.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    rotated: usize,
    failed: usize,
    skipped: usize,
    /// Secrets whose previous tokens are revoked.
    revoked: usize,
    /// Secrets whose previous tokens could not be revoked.
    not_revoked: usize,
    /// Secrets whose previous tokens cannot be revoked on their platform and stay valid until they expire.
    expiring: usize,
    /// Secrets with tokens of earlier rotations that may be valid.
    older: usize,
    not_begun: usize,
    in_flight: usize,
    /// Skipped secrets that hold a token that a rotation has written.
    #[serde(skip)]
    valid: usize,
    /// Whether no further rotation starts.
    #[serde(skip)]
    pub(super) is_stopping: bool,
}

#[derive(Serialize)]
struct Summary<'a> {
    summary: &'a Tally,
}

impl Tally {
    /// Prints the outcome of a secret and counts it.
    pub(super) fn count(&mut self, ended: &Ended, rotating: &Rotating<'_>) {
        let is_many = rotating.arguments.selection.is_many();
        let revocation = match ended {
            Ended::Rotated(rotation) => {
                rotation.show(&rotating.session.output, &rotating.session.clock, is_many);
                let count = if rotation.report.promoted() { &mut self.rotated } else { &mut self.failed };
                *count += 1;
                &rotation.revocation
            }
            Ended::Skipped(skipped) => {
                skipped.show(&rotating.session.output);
                self.skipped += 1;
                self.valid +=
                    usize::from(matches!(skipped.reason, Reason::Fresh(_) | Reason::Done | Reason::Accepted(_)));
                &skipped.revocation
            }
        };
        self.count_revocation(revocation.as_ref());
    }

    fn count_revocation(&mut self, revocation: Option<&PreviousEnd>) {
        self.older += usize::from(revocation.is_some_and(|revocation| revocation.older.is_some()));
        match revocation.map(|revocation| &revocation.result) {
            Some(Ok(Revocation::Revoked)) => self.revoked += 1,
            Some(Ok(Revocation::NotOffered(_))) => self.expiring += 1,
            Some(Err(_)) => self.not_revoked += 1,
            Some(Ok(Revocation::NothingToRevoke)) | None => {}
        }
    }

    /// Prints and counts the secrets whose rotation will not start.
    pub(super) fn stop(&mut self, left: VecDeque<Chosen>, rotating: &Rotating<'_>) {
        self.is_stopping = true;
        self.not_begun += left.len();
        rotating.progress.above(|| {
            for Chosen { secret, .. } in left {
                let (typed, reason) = (secret.typed, Reason::NotStarted);
                Skipped { typed, reason, revocation: None }.show(&rotating.session.output);
            }
        });
        if self.not_begun > 0 && rotating.arguments.selection.is_many() {
            let how = match rotating.state {
                Some(_) => "--resume".to_owned(),
                None => format!("--older-than {}", rotating.started),
            };
            rotating.progress.note(&format!("to rotate the rest, run the command again with {how}"));
        }
    }

    /// Prints and counts the rotations that the exit of this process interrupts.
    pub(super) fn abandon(&mut self, running: Vec<(String, Option<Step>)>, rotating: &Rotating<'_>) {
        self.in_flight = running.len();
        for (typed, step) in running {
            let step = step.map_or_else(String::new, |step| format!(", in {step}"));
            rotating.session.output.note(format_args!("{typed}: interrupted{step}"));
        }
        if self.in_flight > 0 {
            rotating.session.output.note("readers keep a complete document; revoking the tokens that are not stored");
        }
    }

    /// Prints the counts of several secrets (as JSON only for `--all`), and returns the exit code.
    pub(super) fn show(&self, session: &Session, is_all: bool) -> Exit {
        match session.output.format {
            Format::Json if is_all => session.output.json(&Summary { summary: self }),
            Format::Text if is_all || self.secrets() > 1 => session.output.result(self.line()),
            _ => {}
        }
        if is_all && self.rotated + self.failed + self.valid + self.not_begun + self.in_flight == 0 {
            session.output.error(
                "no matching secret holds a token that a rotation has written",
                "check the tag, the prefix and the region; rotate a new secret once by its name, or name the rotation function with --rotation-function",
            );
            return Exit::Failed;
        }
        let undone = self.failed + self.not_revoked + self.not_begun + self.in_flight;
        if undone == 0 { Exit::Done } else { Exit::Failed }
    }

    /// Counts a rotation that ended after it was abandoned, if it was promoted.
    pub(super) fn count_late(&mut self, ended: &Ended, rotating: &Rotating<'_>) {
        if matches!(ended, Ended::Rotated(rotation) if rotation.report.promoted()) {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.count(ended, rotating);
        }
    }

    /// Whether so many rotations have failed that no further one may start, for the first time.
    pub(super) fn has_reached(&self, max_failures: Option<u64>) -> bool {
        !self.is_stopping && max_failures.is_some_and(|most| self.failed as u64 >= most)
    }

    fn secrets(&self) -> usize {
        self.rotated + self.failed + self.skipped + self.not_begun + self.in_flight
    }

    fn line(&self) -> String {
        let counts = [
            (self.not_revoked, "not revoked"),
            (self.expiring, "left to expire"),
            (self.older, "with older tokens"),
            (self.not_begun, "not started"),
            (self.in_flight, "interrupted"),
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
