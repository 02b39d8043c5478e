//! The check before each step: may this version be worked on?

use super::labels::{CURRENT, Description, PENDING, VersionId};
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// What is left to do for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is staged: go on.
    Staged,
    /// It was promoted already: there is nothing left to do.
    AlreadyCurrent,
}

/// Looks at a secret's labels before a step works on `version`
/// (Secrets Manager user guide, "Lambda rotation functions").
///
/// # Errors
/// [`ErrorKind::RotationDisabled`] or [`ErrorKind::VersionNotStaged`].
pub fn preflight(secret: &Description, version: &VersionId) -> Result<Readiness> {
    if secret.rotation_enabled == Some(false) {
        let message = format!("rotation is switched off for the secret {}", secret.name);
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
        None => format!("the secret {} has no version {version} that bears a label", secret.name),
        Some(_) => format!("the version {version} of the secret {} does not bear {PENDING}", secret.name),
    };
    Err(not_staged(what, secret.holder(PENDING)))
}

fn not_staged(what: String, holder: Option<&VersionId>) -> RotationError {
    let Some(holder) = holder else { return RotationError::new(ErrorKind::VersionNotStaged, what) };
    let hint = format!(
        "an earlier rotation left {PENDING} on {holder}: rotate again to let that one be finished, or take the label off it (UpdateSecretVersionStage)"
    );
    RotationError::new(ErrorKind::VersionNotStaged, format!("{what}; {PENDING} is on {holder}")).with_hint(hint)
}

#[cfg(test)]
mod tests;
