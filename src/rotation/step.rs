//! The four steps, and what carrying one out is given and gives back.

use std::fmt;

use super::document::token_life::TokenLife;
use super::error::{ErrorKind, Result, RotationError};
use super::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// One of the four steps of a rotation (Secrets Manager user guide, "Lambda rotation functions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Exchange the credentials and stage the new version.
    Create,
    /// Make the new version work; a fresh token already does.
    Set,
    /// Validate the new version.
    Test,
    /// Promote the new version.
    Finish,
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// Reads a step's name as Secrets Manager sends it, or as parts of its documentation spell it.
    ///
    /// # Errors
    /// [`ErrorKind::EventInvalid`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "createSecret" | "create_secret" => Ok(Self::Create),
            "setSecret" | "set_secret" => Ok(Self::Set),
            "testSecret" | "test_secret" => Ok(Self::Test),
            "finishSecret" | "finish_secret" => Ok(Self::Finish),
            other => {
                let other: String = other.chars().take(40).collect();
                let message = format!("unknown Step {other:?} in the event");
                let hint = "Step is createSecret, setSecret, testSecret or finishSecret";
                Err(RotationError::new(ErrorKind::EventInvalid, message).with_hint(hint))
            }
        }
    }

    /// The name as Secrets Manager sends it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who puts the pending label on the version that a rotation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagedBy {
    /// The secrets service did, before it called for the first step.
    Service,
    /// The first step does, with the value.
    Rotator,
}

/// What a step is to work on.
#[derive(Clone, Debug)]
pub struct StepRequest {
    /// The secret.
    pub secret: SecretId,
    /// The version that the rotation makes.
    pub version: VersionId,
    /// The proof that a write belongs to a rotation, to be passed on to the store.
    pub rotation_token: Option<SecretString>,
    /// Who puts the pending label on.
    pub staged_by: StagedBy,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It did its work.
    Done,
    /// Its work was done before.
    AlreadyDone,
    /// There was no work for it.
    NothingToDo,
    /// It was only asked whether the credentials work, and they do.
    SetUpTested,
}

impl StepOutcome {
    /// The name in logs and in JSON output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyDone => "already_done",
            Self::NothingToDo => "nothing_to_do",
            Self::SetUpTested => "set_up_tested",
        }
    }
}

/// What a step gives back.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// How it ended.
    pub outcome: StepOutcome,
    /// The new token's life, where the step saw it.
    pub token_life: Option<TokenLife>,
}

impl StepReport {
    pub(crate) fn of(outcome: StepOutcome) -> Self {
        Self { outcome, token_life: None }
    }
}
