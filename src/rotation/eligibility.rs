//! Whether createSecret may begin, and whether a staged value may still be promoted: decisions without effects.

use std::time::Duration;

use jiff::Timestamp;

use super::document::fields::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::ports::store::Staged;
use super::step::{StagedBy, StepRequest};
use super::version::labels::{CURRENT, Description, PENDING, VersionId};
use super::version::preflight::{Readiness, preflight};
use crate::secret::{SecretString, same};

/// The preflight check of createSecret. If no service stages versions in advance, a new version is accepted while no
/// other is staged.
pub(crate) fn may_begin(described: &Description, request: &StepRequest) -> Result<Readiness> {
    let nothing_staged = described.holder(PENDING).is_none_or(|holder| described.holder(CURRENT) == Some(holder));
    let is_new = described.labels(&request.version).is_none();
    match preflight(described, &request.version) {
        Err(error)
            if error.kind() == ErrorKind::VersionNotStaged
                && request.staged_by == StagedBy::Rotator
                && nothing_staged
                && is_new =>
        {
            Ok(Readiness::Staged)
        }
        checked => checked,
    }
}

/// For a moment after a promotion, a read may return the previous version. With two clients, that version names the
/// client that is now active as the idle one.
pub(crate) fn check_is_current(described: &Description, version: Option<&VersionId>) -> Result<()> {
    match (version, described.holder(CURRENT)) {
        (Some(version), Some(holder)) if version != holder => {
            let message = format!("the secret {} returned the version {version}, not {CURRENT}", described.name);
            Err(RotationError::new(ErrorKind::StoreConflict, message))
        }
        _ => Ok(()),
    }
}

/// Returns why a staged value must not be promoted. A rotation may be resumed hours after it began: its staged value must
/// equal what a rotation would stage now, except for the token.
pub(crate) fn why_unfit(staged: &SecretString, current: &SecretString, now: Timestamp) -> Option<&'static str> {
    let outdated = why_outdated(staged, current);
    let (Ok(staged), Ok(current)) = (Document::parse(staged), Document::parse(current)) else { return outdated };
    let Ok(Some(token)) = staged.access_token() else { return Some("holds no token") };
    if outdated.is_some() {
        return outdated;
    }
    if current.access_token().ok().flatten().is_some_and(|current| same(&current, &token)) {
        return Some("holds the current token, and no new one");
    }
    staged.expires_at().is_some_and(|end| end <= now).then_some("holds a token that has expired")
}

/// Why the staged value is no rotation of the current one.
pub(crate) fn why_outdated(staged: &SecretString, current: &SecretString) -> Option<&'static str> {
    let Ok(staged) = Document::parse(staged) else { return Some("is not a document") };
    let Ok(current) = Document::parse(current) else { return Some("does not follow from the current value") };
    (!staged.follows_from(&current)).then_some(EDITED)
}

/// Why a version of a changed secret is dropped.
pub(crate) const EDITED: &str = "was staged before the current value was changed";

/// Whether a value is certainly not stored: the store holds another value, or rejected this one.
pub(crate) fn is_known_to_be_lost(staged: &Result<Staged>) -> bool {
    use ErrorKind::{DocumentInvalid, StoreConflict, StoreDenied};
    match staged {
        Ok(staged) => *staged == Staged::HeldAnother,
        Err(error) => [DocumentInvalid, StoreConflict, StoreDenied].contains(&error.kind()),
    }
}

/// Whether the document's token was issued longer ago than `age`.
pub(crate) fn is_older_than(age: Duration, document: &Document, now: Timestamp) -> bool {
    let since = document.issued_at().map(|issued| now.duration_since(issued));
    since.is_some_and(|since| Duration::try_from(since).is_ok_and(|since| since > age))
}

pub(crate) fn no_current_value(described: &Description) -> RotationError {
    let message = format!("the secret {} has no {CURRENT} value", described.name);
    RotationError::new(ErrorKind::NoCurrentVersion, message)
}

pub(crate) fn no_staged_value(described: &Description, version: &VersionId) -> RotationError {
    let message = format!("the staged version {version} of the secret {} has no value", described.name);
    RotationError::new(ErrorKind::VersionNotStaged, message)
        .with_hint("createSecret has not run for this version, or failed: see its error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::version::labels::{LabelledVersion, SecretId};

    const OURS: &str = "11111111-1111-1111-1111-111111111111";
    const OTHER: &str = "22222222-2222-2222-2222-222222222222";

    fn described(versions: &[(&str, &[&str])]) -> Description {
        let versions = versions.iter().map(|(id, labels)| LabelledVersion {
            id: VersionId::from_store(*id),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        });
        Description { versions: versions.collect(), ..Description::default() }
    }

    #[test]
    fn a_version_that_is_not_staged_may_begin_only_if_it_is_new_and_nothing_else_is_staged() {
        use ErrorKind::VersionNotStaged;
        use StagedBy::{Rotator, Service};
        type Row<'a> = (StagedBy, &'a [(&'a str, &'a [&'a str])], std::result::Result<Readiness, ErrorKind>);
        let rows: &[Row<'_>] = &[
            (Rotator, &[(OTHER, &[CURRENT])], Ok(Readiness::Staged)),
            (Rotator, &[(OTHER, &[CURRENT, PENDING])], Ok(Readiness::Staged)),
            (Rotator, &[(OURS, &[CURRENT])], Ok(Readiness::AlreadyCurrent)),
            (Service, &[(OTHER, &[CURRENT])], Err(VersionNotStaged)),
            (Rotator, &[(OTHER, &[PENDING])], Err(VersionNotStaged)),
            (Rotator, &[(OURS, &["AWSPREVIOUS"]), (OTHER, &[CURRENT])], Err(VersionNotStaged)),
        ];
        for (staged_by, versions, expected) in rows {
            let (secret, version) = (SecretId::new("token"), VersionId::from_store(OURS));
            let request = StepRequest { secret, version, rotation_token: None, staged_by: *staged_by };
            let answer = may_begin(&described(versions), &request).map_err(|error| error.kind());
            assert_eq!(answer, *expected, "{staged_by:?} {versions:?}");
        }
        let (secret, version) = (SecretId::new("token"), VersionId::from_store(OURS));
        let request = StepRequest { secret, version, rotation_token: None, staged_by: Rotator };
        let disabled = Description { rotation_enabled: Some(false), ..described(&[]) };
        let error = may_begin(&disabled, &request).expect_err("rotation is disabled");
        assert_eq!(error.kind(), ErrorKind::RotationDisabled);
    }

    #[test]
    fn a_read_of_a_version_that_is_not_current_is_rejected() {
        let [ours, other] = [OURS, OTHER].map(VersionId::from_store);
        let secret = described(&[(OURS, &[CURRENT])]);
        assert!(check_is_current(&secret, Some(&ours)).is_ok());
        assert!(check_is_current(&secret, None).is_ok(), "the store has no versions");
        let error = check_is_current(&secret, Some(&other)).expect_err("it is the previous version");
        assert_eq!(error.kind(), ErrorKind::StoreConflict);
    }

    #[test]
    fn a_token_is_older_than_an_age_that_has_passed() {
        let issued = r#"{"issued_at": "2026-01-02T03:04:05Z"}"#;
        let document = Document::parse(&SecretString::from(issued)).expect("a document");
        let at = |now: &str| is_older_than(Duration::from_secs(60), &document, now.parse().expect("a time"));
        assert!(!at("2026-01-02T03:04:04Z"), "issued in the future");
        assert!(!at("2026-01-02T03:05:05Z"));
        assert!(at("2026-01-02T03:05:06Z"));
    }

    #[test]
    fn a_value_is_lost_if_the_store_holds_another_one_or_rejected_it() {
        let failed = |kind| Err(RotationError::new(kind, "no"));
        assert!(is_known_to_be_lost(&Ok(Staged::HeldAnother)));
        assert!(!is_known_to_be_lost(&Ok(Staged::Stored)));
        assert!(is_known_to_be_lost(&failed(ErrorKind::StoreDenied)));
        assert!(!is_known_to_be_lost(&failed(ErrorKind::StoreUnavailable)));
    }
}
