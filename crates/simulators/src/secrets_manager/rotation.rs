//! Rotations in progress, and how they ended.

use crate::invoke::FunctionError;

/// A rotation in progress.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) version: String,
    /// The RotationToken of the current attempt.
    pub(super) rotation_token: String,
}

/// The outcome of a rotation, or of a failed test of its configuration.
#[derive(Clone, Debug)]
pub struct RotationOutcome {
    /// The secret's ARN.
    pub secret: String,
    /// The version of the rotation.
    pub version_id: String,
    /// Whether the version became the current one.
    pub succeeded: bool,
    /// The failed attempts: the step, and the function's failure.
    pub failures: Vec<(String, FunctionError)>,
}
