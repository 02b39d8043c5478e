//! Observations of a rotation that another process runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::rotation::{CURRENT, Description, Document, PENDING, PREVIOUS, Step, StepOutcome, StepRecord, VersionId};

/// The number of polls without a label after which a staged version counts as dropped: one may be a stale read.
const LOOKS_WITHOUT_LABEL: u32 = 2;
/// The time that a new version may take to appear.
const APPEARANCE: Duration = Duration::from_secs(5);

/// The state of the version, by its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionState {
    /// The version is or was current.
    Promoted,
    /// The version is pending.
    Staged,
    /// It has no label, which may be a stale read.
    Unclear,
    /// It has lost its label.
    Dropped,
    /// The rotation was cancelled and is disabled.
    Disabled,
}

/// The observations of one rotation so far.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) version: VersionId,
    /// The steps that completed, and the one that failed, if any.
    pub(super) steps: Vec<StepRecord>,
    pub(super) described: Option<Description>,
    /// The new version's value, if it has an expiry.
    pub(super) document: Option<Document>,
    /// Whether reading the value is denied.
    pub(super) is_unreadable: bool,
    /// The number of diagnoses since the last progress.
    pub(super) diagnoses: usize,
    began: Instant,
    moved: Instant,
    was_staged: bool,
    without_label: u32,
}

impl Observation {
    pub(super) fn begin(version: VersionId) -> Self {
        let now = Instant::now();
        Self {
            version,
            steps: Vec::new(),
            described: None,
            document: None,
            is_unreadable: false,
            diagnoses: 0,
            began: now,
            moved: now,
            was_staged: false,
            without_label: 0,
        }
    }

    pub(super) fn has_value(&self) -> bool {
        self.steps.iter().any(|record| record.step == Step::Create && record.outcome.is_some())
    }

    /// The time since the last progress.
    pub(super) fn still_for(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Records a description and returns the version's state.
    pub(super) fn note_description(&mut self, described: Description) -> VersionState {
        let state = self.state(&described);
        self.described = Some(described);
        state
    }

    fn state(&mut self, described: &Description) -> VersionState {
        let labels = described.labels(&self.version).unwrap_or_default();
        let has = |label: &str| labels.iter().any(|have| have == label);
        // A version with the label of the previous one was current before.
        if has(CURRENT) || has(PREVIOUS) {
            return VersionState::Promoted;
        }
        if described.rotation_enabled == Some(false) {
            return VersionState::Disabled;
        }
        if has(PENDING) {
            self.was_staged = true;
            self.without_label = 0;
            return VersionState::Staged;
        }
        self.without_label += 1;
        let is_sure =
            self.without_label >= LOOKS_WITHOUT_LABEL && (self.was_staged || self.began.elapsed() >= APPEARANCE);
        if is_sure { VersionState::Dropped } else { VersionState::Unclear }
    }

    /// Records that the version has a value: createSecret is done.
    pub(super) fn note_value(&mut self, document: Option<Document>) {
        self.document = document;
        self.note_done(&[Step::Create]);
    }

    /// Records that the version was promoted: all steps are done.
    pub(super) fn note_promotion(&mut self) {
        let rest: Vec<_> = Step::ALL.into_iter().filter(|step| !self.knows(*step)).collect();
        self.note_done(&rest);
    }

    /// Records a failed step, by default the first incomplete one. The steps before it were done.
    pub(super) fn note_failure(&mut self, step: Option<Step>) {
        let undone: Vec<_> = Step::ALL.into_iter().filter(|step| !self.knows(*step)).collect();
        // setSecret does nothing that could fail.
        let guess = undone.iter().copied().find(|step| *step != Step::Set).unwrap_or(Step::Finish);
        let failed = step.filter(|step| !self.knows(*step)).unwrap_or(guess);
        for done in undone.into_iter().take_while(|step| *step != failed) {
            self.steps.push(StepRecord { step: done, outcome: Some(StepOutcome::Done), took: Duration::ZERO });
        }
        self.steps.push(StepRecord { step: failed, outcome: None, took: self.still_for() });
    }

    fn knows(&self, step: Step) -> bool {
        self.steps.iter().any(|record| record.step == step)
    }

    /// The steps share the time since the previous poll: the last one gets all of it.
    fn note_done(&mut self, steps: &[Step]) {
        for (index, step) in steps.iter().enumerate() {
            let took = if index + 1 == steps.len() { self.still_for() } else { Duration::ZERO };
            self.steps.push(StepRecord { step: *step, outcome: Some(StepOutcome::Done), took });
        }
        self.moved = Instant::now();
        self.diagnoses = 0;
    }
}
