//! What was seen of a rotation from outside.

use std::time::Duration;

use tokio::time::Instant;

use crate::rotation::{CURRENT, Description, Document, PENDING, PREVIOUS, Step, StepOutcome, StepRecord, VersionId};

/// A version that was staged and is not any more may be missing in one stale read, hardly in two.
const LOOKS_WITHOUT_LABEL: u32 = 2;
/// A version that was never seen at all may take this long to appear.
const APPEARANCE: Duration = Duration::from_secs(5);

/// What a look at the labels tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionState {
    /// The version is or was current.
    Promoted,
    /// It is being worked on.
    Staged,
    /// It bears no label, which may be a stale read.
    Unclear,
    /// It bears no label, and will not again.
    Dropped,
    /// The rotation was cancelled: rotation is switched off.
    SwitchedOff,
}

/// The looks at one rotation so far.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) version: VersionId,
    /// The steps that were seen done, and perhaps the one that failed.
    pub(super) steps: Vec<StepRecord>,
    pub(super) described: Option<Description>,
    /// The new version's value, where it says when its token expires.
    pub(super) document: Option<Document>,
    /// Whether the value may not be read.
    pub(super) is_unreadable: bool,
    /// How many diagnoses were made since something last moved.
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

    /// How long nothing has moved.
    pub(super) fn still_for(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Takes a description, and tells what it means.
    pub(super) fn note_description(&mut self, described: Description) -> VersionState {
        let view = self.view(&described);
        self.described = Some(described);
        view
    }

    fn view(&mut self, described: &Description) -> VersionState {
        let labels = described.labels(&self.version).unwrap_or_default();
        let has = |label: &str| labels.iter().any(|have| have == label);
        // A version that is the previous one by now was current in between.
        if has(CURRENT) || has(PREVIOUS) {
            return VersionState::Promoted;
        }
        if described.rotation_enabled == Some(false) {
            return VersionState::SwitchedOff;
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

    /// The version holds a value: createSecret is done.
    pub(super) fn note_value(&mut self, document: Option<Document>) {
        self.document = document;
        self.note_done(&[Step::Create]);
    }

    /// The version was promoted: all steps are done.
    pub(super) fn note_promotion(&mut self) {
        let rest: Vec<_> = Step::ALL.into_iter().filter(|step| !self.knows(*step)).collect();
        self.note_done(&rest);
    }

    /// A step failed, the first one that was not seen done if it is not known which; those before it were done.
    pub(super) fn note_failure(&mut self, step: Option<Step>) {
        let undone: Vec<_> = Step::ALL.into_iter().filter(|step| !self.knows(*step)).collect();
        // setSecret has nothing to do that could fail.
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

    /// The steps share the time since the look before; the last one of them gets it.
    fn note_done(&mut self, steps: &[Step]) {
        for (index, step) in steps.iter().enumerate() {
            let took = if index + 1 == steps.len() { self.still_for() } else { Duration::ZERO };
            self.steps.push(StepRecord { step: *step, outcome: Some(StepOutcome::Done), took });
        }
        self.moved = Instant::now();
        self.diagnoses = 0;
    }
}
