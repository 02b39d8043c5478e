//! The contract that the rotation requires of every store.

use genesys_rotator::rotation::{
    AHEAD, ErrorKind, LARGEST_VALUE, LEASE, Lease, PENDING, SecretStore, Staged, Step, VersionId, VersionSelector,
    WriteAhead,
};
use genesys_rotator::secret::SecretString;

use crate::fixture::{DOCUMENT, Fixture, Secret, kind_of};

/// Values in the order in which the rows store them. KV stores JSON objects only.
const FIRST: &str = r#"{"value":"first"}"#;
const SECOND: &str = r#"{"value":"second"}"#;
const THIRD: &str = r#"{"value":"third"}"#;
/// A document that cannot be rotated.
const UNUSABLE: &str = r#"{"neither":"credentials nor a token"}"#;

/// Passes the name of every row to another macro, which creates tests.
macro_rules! with_every_row {
    ($then:ident $fixture:ident) => {
        $then! {
            $fixture:
            a_staged_value_is_read_by_id_and_readers_still_get_the_current_value
            staging_the_same_value_twice_succeeds
            staging_another_value_for_the_same_version_keeps_the_first
            promoting_moves_the_current_and_the_previous_label
            promoting_over_another_value_is_a_conflict
            promoting_twice_changes_nothing
            staging_a_promoted_value_again_succeeds
            staging_another_value_for_a_promoted_version_changes_nothing
            reading_a_version_that_is_not_pending_returns_none
            unstaging_lets_the_next_rotation_start
            an_unknown_secret_is_not_found
            a_value_of_the_maximum_size_is_stored_unchanged
            unknown_fields_survive_a_rotation
            an_interrupted_rotation_is_finished_by_the_next_one
            an_invalid_staged_token_is_replaced
            concurrent_rotations_leave_one_valid_token
        }
    };
}
pub(crate) use with_every_row;

/// The same for the rows about write-ahead entries.
macro_rules! with_every_intent_row {
    ($then:ident $fixture:ident) => {
        $then! {
            $fixture:
            an_intent_is_read_back_and_hidden_from_readers
            writing_an_intent_replaces_the_previous_one
            an_intent_survives_a_promotion
            only_the_intent_that_was_seen_is_cleared
            the_lease_moves_by_compare_and_set
            a_cleared_intent_stays_cleared
            an_intent_for_an_unknown_secret_is_not_found
        }
    };
}
pub(crate) use with_every_intent_row;

/// Creates one test per row.
macro_rules! tests {
    ($fixture:ident: $($row:ident)*) => {
        $(
            #[tokio::test]
            async fn $row() {
                crate::contract::$row(&$fixture().await).await;
            }
        )*
    };
}
pub(crate) use tests;

/// Runs all rows on one server, which takes seconds to start. A row in the caller's `DEVIATIONS` must fail, so that the
/// list stays current.
macro_rules! judge {
    ($fixture:ident: $($row:ident)*) => {{
        let mut surprises = Vec::new();
        $(
            let fixture = std::rc::Rc::clone(&$fixture);
            // A panicking row ends its own task only.
            let kept = tokio::task::spawn_local(async move { crate::contract::$row(&*fixture).await }).await.is_ok();
            let deviates = DEVIATIONS.iter().any(|(row, _)| *row == stringify!($row));
            if kept == deviates {
                surprises.push(format!("{}: {}", stringify!($row), if kept { "passes" } else { "fails" }));
            }
        )*
        surprises
    }};
}
pub(crate) use judge;

pub async fn a_staged_value_is_read_by_id_and_readers_still_get_the_current_value(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let version = VersionId::random();
    assert_eq!(secret.stage(&version, SECOND).await.expect("staged"), Staged::Stored);
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
    assert_eq!(secret.holder(PENDING).await, Some(version));
    assert_eq!(secret.current().await, FIRST);
}

pub async fn staging_the_same_value_twice_succeeds(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let version = VersionId::random();
    for _ in 0..2 {
        assert_eq!(secret.stage(&version, SECOND).await.expect("staged"), Staged::Stored);
    }
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
}

pub async fn staging_another_value_for_the_same_version_keeps_the_first(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let version = VersionId::random();
    secret.stage(&version, SECOND).await.expect("staged");
    assert_eq!(secret.stage(&version, THIRD).await.expect("an answer"), Staged::HeldAnother);
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
}

pub async fn promoting_moves_the_current_and_the_previous_label(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let mut holder = secret.current_id().await;
    for value in [SECOND, THIRD] {
        let (version, over) = (VersionId::random(), secret.current_value().await);
        secret.stage(&version, value).await.expect("staged");
        secret.promote(&version, &over).await.expect("promoted");
        assert_eq!(secret.current().await, value);
        let [current, previous, pending] = secret.labels().await;
        assert_eq!((current, previous), (Some(version.clone()), Some(holder)));
        // Secrets Manager may leave the pending label on the current version.
        assert!(pending.is_none_or(|pending| pending == version));
        holder = version;
    }
}

pub async fn promoting_over_another_value_is_a_conflict(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let (first, over) = (secret.current_id().await, secret.current_value().await);
    let (second, third) = (VersionId::random(), VersionId::random());
    secret.stage(&second, SECOND).await.expect("staged");
    secret.promote(&second, &over).await.expect("promoted");
    secret.stage(&third, THIRD).await.expect("staged");
    let refused = secret.promote(&third, &over).await;
    assert_eq!(kind_of(refused), Some(ErrorKind::StoreConflict));
    assert_eq!(secret.current().await, SECOND);
    assert_eq!(secret.labels().await, [Some(second), Some(first), Some(third)]);
}

pub async fn promoting_twice_changes_nothing(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let over = secret.current_value().await;
    let second = VersionId::random();
    secret.stage(&second, SECOND).await.expect("staged");
    secret.promote(&second, &over).await.expect("promoted");
    let promoted = secret.labels().await;
    // The store may report a conflict or succeed, but the labels stay.
    for over in [over, secret.current_value().await] {
        let again = secret.promote(&second, &over).await;
        assert!(matches!(kind_of(again), None | Some(ErrorKind::StoreConflict)));
        assert_eq!(secret.labels().await, promoted);
        assert_eq!(secret.current().await, SECOND);
    }
}

pub async fn staging_a_promoted_value_again_succeeds(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let (over, second) = (secret.current_value().await, VersionId::random());
    secret.stage(&second, SECOND).await.expect("staged");
    secret.promote(&second, &over).await.expect("promoted");
    // The answer to the first write was lost, and another rotation promoted its version.
    assert_eq!(secret.stage(&second, SECOND).await.expect("an answer"), Staged::Stored);
    assert_eq!((secret.current().await.as_str(), secret.current_id().await), (SECOND, second));
}

pub async fn staging_another_value_for_a_promoted_version_changes_nothing(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let [second, third] = [VersionId::random(), VersionId::random()];
    for (version, value) in [(&second, SECOND), (&third, THIRD)] {
        let over = secret.current_value().await;
        secret.stage(version, value).await.expect("staged");
        secret.promote(version, &over).await.expect("promoted");
        let labels = secret.labels().await;
        // Another rotation resumed a version, and stages its own value after the promotion.
        assert_eq!(secret.stage(&second, FIRST).await.expect("an answer"), Staged::HeldAnother, "{value}");
        assert_eq!((secret.current().await.as_str(), secret.labels().await), (value, labels));
    }
}

pub async fn reading_a_version_that_is_not_pending_returns_none(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let first = secret.current_id().await;
    assert_eq!(secret.pending(&VersionId::random()).await, None);
    assert_eq!(secret.pending(&first).await, None, "current, but not pending");
    let second = VersionId::random();
    secret.stage(&second, SECOND).await.expect("staged");
    assert_eq!(secret.pending(&first).await, None);
    assert_eq!(secret.pending(&VersionId::random()).await, None);
}

pub async fn unstaging_lets_the_next_rotation_start(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, DOCUMENT).await;
    let stuck = VersionId::random();
    secret.stage(&stuck, UNUSABLE).await.expect("staged");
    for _ in 0..2 {
        let taken = secret.unstage(&stuck).await;
        assert!(matches!(kind_of(taken), None | Some(ErrorKind::StoreConflict)));
        assert_eq!(secret.holder(PENDING).await, None);
        assert_eq!(secret.pending(&stuck).await, None);
    }
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
}

pub async fn an_unknown_secret_is_not_found(fixture: &impl Fixture) {
    let (store, unknown, version) = (fixture.store(), fixture.unknown(), VersionId::random());
    let value = SecretString::from(FIRST);
    let missing = Some(ErrorKind::SecretNotFound);
    assert_eq!(kind_of(store.describe(&unknown).await), missing);
    assert_eq!(kind_of(store.stage(&unknown, &version, &value, None).await), missing);
    for wanted in [VersionSelector::Current, VersionSelector::Pending(&version)] {
        match store.read(&unknown, wanted).await {
            Ok(value) => assert!(value.is_none()),
            Err(error) => assert_eq!(Some(error.kind()), missing),
        }
    }
    let report = fixture.rotator().rotate(&unknown, version, crate::fixture::plenty(), |_| {}).await;
    assert_eq!(report.error.map(|error| error.kind()), missing);
}

pub async fn a_value_of_the_maximum_size_is_stored_unchanged(fixture: &impl Fixture) {
    // UTF-8 characters of one, two, three and four bytes.
    let mut letters = "aé€𝄞".repeat(LARGEST_VALUE / 10 - 2);
    letters.push_str(&"x".repeat(LARGEST_VALUE - letters.len() - r#"{"value":""}"#.len()));
    let large = format!(r#"{{"value":"{letters}"}}"#);
    assert_eq!(large.len(), LARGEST_VALUE);
    let secret = Secret::holding(fixture, FIRST).await;
    let (over, version) = (secret.current_value().await, VersionId::random());
    assert_eq!(secret.stage(&version, &large).await.expect("staged"), Staged::Stored);
    assert!(secret.pending(&version).await.is_some_and(|value| value == large));
    secret.promote(&version, &over).await.expect("promoted");
    assert!(secret.current().await == large);
}

pub async fn unknown_fields_survive_a_rotation(fixture: &impl Fixture) {
    let fields = r#"{"zebra":1e400,"region":"mypurecloud.ie","nested":{"b":[1.0,null],"a":"é\u00e9"},"client_id":"client","client_secret":"hush","alpha":true"#;
    let secret = Secret::holding(fixture, &format!("{fields}}}")).await;
    for _ in 0..2 {
        let report = secret.rotate().await;
        assert!(report.promoted(), "{report:?}");
        let current = secret.current().await;
        let added = current.strip_prefix(fields).expect("no field moved or changed");
        assert!(added.starts_with(r#","access_token":"token-"#), "{added}");
    }
}

pub async fn an_interrupted_rotation_is_finished_by_the_next_one(fixture: &impl Fixture) {
    for steps in 1..=Step::ALL.len() {
        let secret = Secret::holding(fixture, DOCUMENT).await;
        let (begun, before) = (VersionId::random(), fixture.rotator().issuer.live().len());
        for step in &Step::ALL[..steps] {
            secret.step(*step, &begun).await.expect("the step succeeds");
        }
        let report = secret.rotate().await;
        assert!(report.promoted(), "after {steps} steps: {report:?}");
        // After the last step, the rotation is complete and a new one runs.
        let finished = steps == Step::ALL.len();
        assert_eq!(report.version == Some(begun.clone()), !finished, "after {steps} steps");
        assert_eq!(report.version, Some(secret.current_id().await));
        let issued = fixture.rotator().issuer.live()[before..].to_vec();
        assert_eq!(issued.len(), 1 + usize::from(finished), "after {steps} steps");
        assert_eq!(issued.last(), Some(&secret.current_token().await));
    }
}

pub async fn an_invalid_staged_token_is_replaced(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, DOCUMENT).await;
    let (stuck, fields) = (VersionId::random(), DOCUMENT.trim_end_matches('}'));
    let times = r#""issued_at":"2020-01-01T00:00:00Z","expires_at":"2020-01-02T00:00:00Z""#;
    let dead = format!(r#"{fields},"access_token":"dead","token_type":"bearer",{times}}}"#);
    secret.stage(&stuck, &dead).await.expect("staged");
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(report.version, Some(stuck));
    assert_eq!(fixture.rotator().issuer.live().last(), Some(&secret.current_token().await));
}

pub async fn concurrent_rotations_leave_one_valid_token(fixture: &impl Fixture) {
    for _ in 0..5 {
        let secret = Secret::holding(fixture, DOCUMENT).await;
        let before = fixture.rotator().issuer.live().len();
        let (one, other) = tokio::join!(secret.rotate(), secret.rotate());
        let promoted = [&one, &other].into_iter().filter(|report| report.promoted()).count();
        assert!(promoted > 0, "{one:?} {other:?}");
        let [current, _, pending] = secret.labels().await;
        assert!(pending.is_none() || pending == current, "a version is still staged");
        let live = fixture.rotator().issuer.live().split_off(before);
        assert!(live.contains(&secret.current_token().await), "the current token is revoked");
        // If both rotations promote, the store may discard the first value.
        let stored = fixture.every_value(&secret.id).await.join("\n");
        let stray = live.iter().filter(|token| !stored.contains(*token)).count();
        assert!(stray < promoted, "a valid token is stored nowhere: {one:?} {other:?}");
    }
}

pub async fn an_intent_is_read_back_and_hidden_from_readers(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let labels = secret.labels().await;
    assert_eq!((secret.intent().await, secret.holder(AHEAD).await), (None, None));
    secret.write_intent(SECOND).await.expect("written");
    assert_eq!(secret.intent().await.as_deref(), Some(SECOND));
    let holder = secret.holder(AHEAD).await.expect("a labelled version");
    assert_eq!((secret.current().await.as_str(), secret.labels().await), (FIRST, labels));
    assert_eq!(secret.pending(&holder).await, None);
}

pub async fn writing_an_intent_replaces_the_previous_one(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    for value in [SECOND, THIRD, THIRD] {
        secret.write_intent(value).await.expect("written");
        assert_eq!(secret.intent().await.as_deref(), Some(value));
    }
    let described = fixture.store().describe(&secret.id).await.expect("it can be described");
    let entry = described.versions.iter().filter(|version| version.labels.iter().any(|label| label == AHEAD));
    assert_eq!(entry.count(), 1);
}

pub async fn an_intent_survives_a_promotion(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let (over, version) = (secret.current_value().await, VersionId::random());
    secret.write_intent(THIRD).await.expect("written");
    secret.stage(&version, SECOND).await.expect("staged");
    assert_eq!(secret.intent().await.as_deref(), Some(THIRD));
    secret.promote(&version, &over).await.expect("promoted");
    assert_eq!(secret.intent().await.as_deref(), Some(THIRD));
    assert_eq!((secret.current().await.as_str(), secret.current_id().await), (SECOND, version));
}

pub async fn only_the_intent_that_was_seen_is_cleared(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    secret.write_intent(FIRST).await.expect("written");
    let seen = secret.holder(AHEAD).await.expect("a labelled version");
    secret.write_intent(SECOND).await.expect("written");
    let cleared = fixture.store().clear_intent(&secret.id, &seen).await;
    assert!(matches!(kind_of(cleared), None | Some(ErrorKind::StoreConflict)));
    assert_eq!(secret.intent().await.as_deref(), Some(SECOND), "another entry is kept");
}

pub async fn the_lease_moves_by_compare_and_set(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, FIRST).await;
    let (store, current) = (fixture.store(), secret.current_id().await);
    let [one, two] = [(); 2].map(|()| VersionId::random());
    let take = async |holder: &VersionId, seen: Option<&VersionId>| {
        kind_of(store.take_lease(&secret.id, holder, seen, None).await)
    };
    assert_eq!((take(&one, None).await, take(&one, None).await), (None, None), "taking it can be repeated");
    assert_eq!((secret.holder(LEASE).await, secret.current().await.as_str()), (Some(one.clone()), FIRST));
    assert_eq!(take(&two, None).await, Some(ErrorKind::StoreConflict));
    assert_eq!(take(&two, Some(&current)).await, Some(ErrorKind::StoreConflict));
    store.release_lease(&secret.id, &one, &current).await.expect("released");
    assert_eq!(secret.holder(LEASE).await.as_ref(), Some(&current));
    assert_eq!(take(&two, Some(&one)).await, Some(ErrorKind::StoreConflict), "a stale read does not pass");
    assert_eq!(take(&two, Some(&current)).await, None);
    let stolen = store.release_lease(&secret.id, &one, &current).await;
    assert_eq!(kind_of(stolen), Some(ErrorKind::StoreConflict), "only the holder releases it");
    assert_eq!(secret.holder(LEASE).await, Some(two));
}

pub async fn a_cleared_intent_stays_cleared(fixture: &impl Fixture) {
    let secret = Secret::holding(fixture, DOCUMENT).await;
    secret.write_intent(SECOND).await.expect("written");
    let holder = secret.holder(AHEAD).await.expect("a labelled version");
    for _ in 0..2 {
        let cleared = fixture.store().clear_intent(&secret.id, &holder).await;
        assert!(matches!(kind_of(cleared), None | Some(ErrorKind::StoreConflict)));
        assert_eq!((secret.intent().await, secret.holder(AHEAD).await), (None, None));
    }
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    secret.write_intent(THIRD).await.expect("written again");
    assert_eq!(secret.intent().await.as_deref(), Some(THIRD));
}

pub async fn an_intent_for_an_unknown_secret_is_not_found(fixture: &impl Fixture) {
    let (store, unknown) = (fixture.store(), fixture.unknown());
    let missing = Some(ErrorKind::SecretNotFound);
    let (id, value) = (VersionId::random(), SecretString::from(FIRST));
    assert_eq!(kind_of(store.write_intent(&unknown, &id, &value, None).await), missing);
    assert_eq!(kind_of(store.take_lease(&unknown, &id, None, None).await), missing);
    match store.read_intent(&unknown).await {
        Ok(value) => assert!(value.is_none()),
        Err(error) => assert_eq!(Some(error.kind()), missing),
    }
}
