//! The four steps, the request for one, and its report.

use strum::{Display, EnumString, IntoStaticStr};

use super::document::token_life::TokenLife;
use super::error::{ErrorKind, Result, RotationError};
use super::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// One of the four steps of a rotation (Secrets Manager user guide, "Lambda rotation functions").
#[derive(Clone, Copy, Debug, Display, EnumString, PartialEq, Eq, IntoStaticStr)]
pub enum Step {
    /// Exchange the credentials and stage the new version.
    #[strum(to_string = "createSecret", serialize = "create_secret")]
    Create,
    /// Make the new version work; a fresh token already does.
    #[strum(to_string = "setSecret", serialize = "set_secret")]
    Set,
    /// Validate the new version.
    #[strum(to_string = "testSecret", serialize = "test_secret")]
    Test,
    /// Promote the new version.
    #[strum(to_string = "finishSecret", serialize = "finish_secret")]
    Finish,
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// Parses a step's name, as Secrets Manager sends it or as parts of its documentation spell it.
    ///
    /// # Errors
    /// [`ErrorKind::EventInvalid`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        name.parse().map_err(|_| {
            let name: String = name.chars().take(40).collect();
            let hint = "Step is createSecret, setSecret, testSecret or finishSecret";
            RotationError::new(ErrorKind::EventInvalid, format!("unknown Step {name:?} in the event")).with_hint(hint)
        })
    }

    /// The name as Secrets Manager sends it.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What labels the new version as pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagedBy {
    /// The secrets service, before it requests createSecret.
    Service,
    /// createSecret, when it stores the value.
    Rotator,
}

/// The request for a step.
#[derive(Clone, Debug)]
pub struct StepRequest {
    /// The secret.
    pub secret: SecretId,
    /// The version that the rotation creates.
    pub version: VersionId,
    /// Authorizes the store's writes as part of a rotation (Secrets Manager's `RotationToken`).
    pub rotation_token: Option<SecretString>,
    /// What labels the version as pending.
    pub staged_by: StagedBy,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StepOutcome {
    /// The step did its work.
    Done,
    /// An earlier call did the work.
    AlreadyDone,
    /// There was no work.
    NothingToDo,
    /// The staged version was a copy of the current one, and its credentials work.
    SetUpTested,
}

impl StepOutcome {
    /// The name in logs and in JSON output.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// The outcome.
    pub outcome: StepOutcome,
    /// The life of the new token, if the step validated it.
    pub token_life: Option<TokenLife>,
}

impl StepReport {
    pub(crate) fn of(outcome: StepOutcome) -> Self {
        Self { outcome, token_life: None }
    }
}
