//! Rotations in progress, and how they ended.

use crate::invoke::FunctionError;

/// A rotation in progress.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) version: String,
    /// The RotationToken of the present attempt.
    pub(super) rotation_token: String,
}

/// How a rotation ended.
#[derive(Clone, Debug)]
pub struct RotationOutcome {
    /// The secret's ARN.
    pub secret: String,
    /// The version that was to become the current one.
    pub version_id: String,
    /// Whether it did.
    pub succeeded: bool,
    /// The failures, one per attempt that failed: the step, and what the function answered.
    pub failures: Vec<(String, FunctionError)>,
}
