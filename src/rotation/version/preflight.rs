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
mod tests {
    use super::*;
    use crate::rotation::version::labels::{LabelledVersion, PREVIOUS};

    const OURS: &str = "11111111-1111-1111-1111-111111111111";
    const OTHER: &str = "22222222-2222-2222-2222-222222222222";

    fn check(enabled: Option<bool>, versions: &[(&str, &[&str])]) -> std::result::Result<Readiness, ErrorKind> {
        let versions = versions.iter().map(|(id, labels)| LabelledVersion {
            id: VersionId::from_store(*id),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        });
        let secret = Description {
            name: "token".to_owned(),
            rotation_enabled: enabled,
            versions: versions.collect(),
            ..Description::default()
        };
        preflight(&secret, &VersionId::from_store(OURS)).map_err(|error| error.kind())
    }

    #[test]
    fn each_state_of_the_labels_has_its_answer() {
        use ErrorKind::{RotationDisabled, VersionNotStaged};
        use Readiness::{AlreadyCurrent, Staged};
        type Row<'a> = (Option<bool>, &'a [(&'a str, &'a [&'a str])], std::result::Result<Readiness, ErrorKind>);
        let rows: &[Row<'_>] = &[
            (Some(true), &[(OURS, &[PENDING]), (OTHER, &[CURRENT])], Ok(Staged)),
            (Some(true), &[(OTHER, &[CURRENT]), (OURS, &["blue", PENDING, "green"])], Ok(Staged)),
            (None, &[(OURS, &[PENDING]), (OTHER, &[CURRENT])], Ok(Staged)),
            (Some(true), &[(OURS, &[CURRENT]), (OTHER, &[PREVIOUS])], Ok(AlreadyCurrent)),
            (Some(true), &[(OURS, &[CURRENT, PENDING])], Ok(AlreadyCurrent)),
            (Some(true), &[(OURS, &[PENDING, CURRENT])], Ok(AlreadyCurrent)),
            (Some(false), &[(OURS, &[PENDING])], Err(RotationDisabled)),
            (Some(false), &[(OURS, &[CURRENT])], Err(RotationDisabled)),
            (Some(true), &[(OTHER, &[CURRENT])], Err(VersionNotStaged)),
            (Some(true), &[(OURS, &[PREVIOUS]), (OTHER, &[CURRENT])], Err(VersionNotStaged)),
            (Some(true), &[(OURS, &["blue"]), (OTHER, &[CURRENT, PENDING])], Err(VersionNotStaged)),
            (Some(true), &[], Err(VersionNotStaged)),
        ];
        for (enabled, versions, expected) in rows {
            assert_eq!(check(*enabled, versions), *expected, "{enabled:?} {versions:?}");
        }
    }

    #[test]
    fn the_version_that_holds_pending_instead_is_named() {
        let secret = Description {
            versions: vec![LabelledVersion { id: VersionId::from_store(OTHER), labels: vec![PENDING.to_owned()] }],
            ..Description::default()
        };
        let error = preflight(&secret, &VersionId::from_store(OURS)).expect_err("our version is not there");
        assert!(error.to_string().contains(OTHER) && error.hint().contains(OTHER), "{error}: {}", error.hint());
    }
}
