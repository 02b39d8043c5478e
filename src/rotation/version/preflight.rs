//! The check before each step: whether the step may work on the version.

use super::labels::{CURRENT, Description, PENDING, VersionId};
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// Whether a version has work left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is staged: the step may work on it.
    Staged,
    /// It is already promoted: nothing is left to do.
    AlreadyCurrent,
}

/// Checks a secret's labels before a step works on `version` (Secrets Manager user guide, "Lambda rotation functions").
///
/// # Errors
/// [`ErrorKind::RotationDisabled`] or [`ErrorKind::VersionNotStaged`].
pub fn preflight(secret: &Description, version: &VersionId) -> Result<Readiness> {
    if secret.rotation_enabled == Some(false) {
        let message = format!("rotation is disabled for the secret {}", secret.name);
        return Err(RotationError::new(ErrorKind::RotationDisabled, message));
    }
    let has = |label: &str| secret.labels(version).is_some_and(|labels| labels.iter().any(|have| have == label));
    if has(CURRENT) {
        return Ok(Readiness::AlreadyCurrent);
    }
    if has(PENDING) {
        return Ok(Readiness::Staged);
    }
    let what = match secret.labels(version) {
        None => format!("the secret {} has no version {version} with a label", secret.name),
        Some(_) => format!("the version {version} of the secret {} does not have the label {PENDING}", secret.name),
    };
    Err(not_staged(what, secret.holder(PENDING)))
}

fn not_staged(what: String, holder: Option<&VersionId>) -> RotationError {
    let Some(holder) = holder else { return RotationError::new(ErrorKind::VersionNotStaged, what) };
    let hint = format!(
        "an earlier rotation left {PENDING} on {holder}: rotate again to finish it, or remove the label (UpdateSecretVersionStage)"
    );
    RotationError::new(ErrorKind::VersionNotStaged, format!("{what}; {PENDING} is on {holder}")).with_hint(hint)
}

#[cfg(test)]
mod tests;
