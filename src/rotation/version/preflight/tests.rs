//! Tests of the preflight check.

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
fn preflight_decides_by_the_labels() {
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
fn preflight_names_the_version_with_the_pending_label() {
    let secret = Description {
        versions: vec![LabelledVersion { id: VersionId::from_store(OTHER), labels: vec![PENDING.to_owned()] }],
        ..Description::default()
    };
    let error = preflight(&secret, &VersionId::from_store(OURS)).expect_err("the version has no label");
    assert!(error.to_string().contains(OTHER) && error.hint().contains(OTHER), "{error}: {}", error.hint());
}
