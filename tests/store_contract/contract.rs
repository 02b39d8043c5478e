//! The contract: what the rotation relies on, whatever keeps the secret.

use genesys_rotator::rotation::{
    AHEAD, ErrorKind, LARGEST_VALUE, PENDING, SecretStore, Staged, Step, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::SecretString;

use crate::place::{DOCUMENT, Place, Secret, kind_of};

/// Values in the order in which the rows store them. They are JSON objects, because KV stores nothing else.
const FIRST: &str = r#"{"value":"first"}"#;
const SECOND: &str = r#"{"value":"second"}"#;
const THIRD: &str = r#"{"value":"third"}"#;
/// What no rotation would stage.
const UNFIT: &str = r#"{"neither":"credentials nor a token"}"#;

/// Hands the name of every row to another macro, which makes tests of them.
macro_rules! with_every_row {
    ($then:ident $place:ident) => {
        $then! {
            $place:
            a_staged_value_is_read_by_id_and_label_and_readers_still_get_the_old_one
            staging_the_same_value_twice_is_fine
            another_value_for_the_same_version_leaves_the_first
            promoting_moves_the_current_and_the_previous_label
            promoting_with_a_wrong_holder_is_a_conflict
            promoting_twice_changes_nothing_more
            a_pending_version_that_is_not_staged_is_none
            taking_the_label_off_lets_the_next_rotation_begin
            an_unknown_secret_is_not_found
            a_value_of_the_largest_size_comes_back_whole
            unknown_fields_survive_a_whole_rotation
            an_interrupted_rotation_is_finished_by_the_next_one
            a_staged_token_that_is_dead_gives_way_to_a_new_one
            two_rotations_at_once_end_with_one_working_token
        }
    };
}
pub(crate) use with_every_row;

/// The same for stores in which a client's own secret can be replaced.
macro_rules! with_every_row_ahead {
    ($then:ident $place:ident) => {
        $then! {
            $place:
            what_is_written_ahead_is_read_again_and_no_reader_sees_it
            writing_ahead_again_takes_the_place_of_what_was_there
            what_is_written_ahead_outlives_a_whole_rotation
            what_was_written_ahead_is_forgotten_once_and_for_all
            nothing_is_written_ahead_of_an_unknown_secret
        }
    };
}
pub(crate) use with_every_row_ahead;

/// Makes each row a test of its own.
macro_rules! tests {
    ($place:ident: $($row:ident)*) => {
        $(
            #[tokio::test]
            async fn $row() {
                crate::contract::$row(&$place().await).await;
            }
        )*
    };
}
pub(crate) use tests;

/// Runs all rows on one server, because it takes seconds to start. A row that is listed in the
/// caller's `DEVIATIONS` must fail, so that the list never outlives its reasons.
macro_rules! judge {
    ($place:ident: $($row:ident)*) => {{
        let mut surprises = Vec::new();
        $(
            let place = std::rc::Rc::clone(&$place);
            // A task of its own, so that a row which panics ends that task alone.
            let kept = tokio::task::spawn_local(async move { crate::contract::$row(&*place).await }).await.is_ok();
            let deviates = DEVIATIONS.iter().any(|(row, _)| *row == stringify!($row));
            if kept == deviates {
                surprises.push(format!("{}: {}", stringify!($row), if kept { "is kept" } else { "is broken" }));
            }
        )*
        surprises
    }};
}
pub(crate) use judge;

pub async fn a_staged_value_is_read_by_id_and_label_and_readers_still_get_the_old_one(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let version = VersionId::random();
    assert_eq!(secret.stage(&version, SECOND).await.expect("staged"), Staged::Stored);
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
    assert_eq!(secret.holder(PENDING).await, Some(version));
    assert_eq!(secret.current().await, FIRST);
}

pub async fn staging_the_same_value_twice_is_fine(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let version = VersionId::random();
    for _ in 0..2 {
        assert_eq!(secret.stage(&version, SECOND).await.expect("staged"), Staged::Stored);
    }
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
}

pub async fn another_value_for_the_same_version_leaves_the_first(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let version = VersionId::random();
    secret.stage(&version, SECOND).await.expect("staged");
    assert_eq!(secret.stage(&version, THIRD).await.expect("an answer"), Staged::HeldAnother);
    assert_eq!(secret.pending(&version).await.as_deref(), Some(SECOND));
}

pub async fn promoting_moves_the_current_and_the_previous_label(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let mut holder = secret.current_id().await;
    for value in [SECOND, THIRD] {
        let version = VersionId::random();
        secret.stage(&version, value).await.expect("staged");
        secret.promote(&version, &holder).await.expect("promoted");
        assert_eq!(secret.current().await, value);
        let [current, previous, pending] = secret.labels().await;
        assert_eq!((current, previous), (Some(version.clone()), Some(holder)));
        // Secrets Manager may leave the pending label on what is current by now.
        assert!(pending.is_none_or(|pending| pending == version));
        holder = version;
    }
}

pub async fn promoting_with_a_wrong_holder_is_a_conflict(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let first = secret.current_id().await;
    let (second, third) = (VersionId::random(), VersionId::random());
    secret.stage(&second, SECOND).await.expect("staged");
    secret.promote(&second, &first).await.expect("promoted");
    secret.stage(&third, THIRD).await.expect("staged");
    let refused = secret.promote(&third, &first).await;
    assert_eq!(kind_of(refused), Some(ErrorKind::StoreConflict));
    assert_eq!(secret.current().await, SECOND);
    assert_eq!(secret.labels().await, [Some(second), Some(first), Some(third)]);
}

pub async fn promoting_twice_changes_nothing_more(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let first = secret.current_id().await;
    let second = VersionId::random();
    secret.stage(&second, SECOND).await.expect("staged");
    secret.promote(&second, &first).await.expect("promoted");
    let promoted = secret.labels().await;
    // Whether the store calls it a conflict or says nothing, the labels stay where they are.
    for holder in [&first, &second] {
        let again = secret.promote(&second, holder).await;
        assert!(matches!(kind_of(again), None | Some(ErrorKind::StoreConflict)));
        assert_eq!(secret.labels().await, promoted);
        assert_eq!(secret.current().await, SECOND);
    }
}

pub async fn a_pending_version_that_is_not_staged_is_none(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let first = secret.current_id().await;
    assert_eq!(secret.pending(&VersionId::random()).await, None);
    assert_eq!(secret.pending(&first).await, None, "current, but not pending");
    let second = VersionId::random();
    secret.stage(&second, SECOND).await.expect("staged");
    assert_eq!(secret.pending(&first).await, None);
    assert_eq!(secret.pending(&VersionId::random()).await, None);
}

pub async fn taking_the_label_off_lets_the_next_rotation_begin(place: &impl Place) {
    let secret = Secret::holding(place, DOCUMENT).await;
    let stuck = VersionId::random();
    secret.stage(&stuck, UNFIT).await.expect("staged");
    for _ in 0..2 {
        let taken = secret.unstage(&stuck).await;
        assert!(matches!(kind_of(taken), None | Some(ErrorKind::StoreConflict)));
        assert_eq!(secret.holder(PENDING).await, None);
        assert_eq!(secret.pending(&stuck).await, None);
    }
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
}

pub async fn an_unknown_secret_is_not_found(place: &impl Place) {
    let (store, unknown, version) = (place.store(), place.unknown(), VersionId::random());
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
    let report = place.rotator().rotate(&unknown, version, crate::place::plenty(), |_| {}).await;
    assert_eq!(report.error.map(|error| error.kind()), missing);
}

pub async fn a_value_of_the_largest_size_comes_back_whole(place: &impl Place) {
    // Letters of one, two, three and four bytes.
    let mut letters = "aé€𝄞".repeat(LARGEST_VALUE / 10 - 2);
    letters.push_str(&"x".repeat(LARGEST_VALUE - letters.len() - r#"{"value":""}"#.len()));
    let large = format!(r#"{{"value":"{letters}"}}"#);
    assert_eq!(large.len(), LARGEST_VALUE);
    let secret = Secret::holding(place, FIRST).await;
    let (first, version) = (secret.current_id().await, VersionId::random());
    assert_eq!(secret.stage(&version, &large).await.expect("staged"), Staged::Stored);
    assert!(secret.pending(&version).await.is_some_and(|value| value == large));
    secret.promote(&version, &first).await.expect("promoted");
    assert!(secret.current().await == large);
}

pub async fn unknown_fields_survive_a_whole_rotation(place: &impl Place) {
    let fields = r#"{"zebra":1e400,"region":"mypurecloud.ie","nested":{"b":[1.0,null],"a":"é\u00e9"},"client_id":"client","client_secret":"hush","alpha":true"#;
    let secret = Secret::holding(place, &format!("{fields}}}")).await;
    for _ in 0..2 {
        let report = secret.rotate().await;
        assert!(report.promoted(), "{report:?}");
        let current = secret.current().await;
        let added = current.strip_prefix(fields).expect("no field moved or changed");
        assert!(added.starts_with(r#","access_token":"token-"#), "{added}");
    }
}

pub async fn an_interrupted_rotation_is_finished_by_the_next_one(place: &impl Place) {
    for steps in 1..=Step::ALL.len() {
        let secret = Secret::holding(place, DOCUMENT).await;
        let (begun, before) = (VersionId::random(), place.rotator().issuer.live().len());
        for step in &Step::ALL[..steps] {
            secret.step(*step, &begun).await.expect("the step is carried out");
        }
        let report = secret.rotate().await;
        assert!(report.promoted(), "after {steps} steps: {report:?}");
        // After the last step nothing was left to finish, so a new rotation was run.
        let finished = steps == Step::ALL.len();
        assert_eq!(report.version == Some(begun.clone()), !finished, "after {steps} steps");
        assert_eq!(report.version, Some(secret.current_id().await));
        let issued = place.rotator().issuer.live()[before..].to_vec();
        assert_eq!(issued.len(), 1 + usize::from(finished), "after {steps} steps");
        assert_eq!(issued.last(), Some(&secret.current_token().await));
    }
}

pub async fn a_staged_token_that_is_dead_gives_way_to_a_new_one(place: &impl Place) {
    let secret = Secret::holding(place, DOCUMENT).await;
    let (stuck, fields) = (VersionId::random(), DOCUMENT.trim_end_matches('}'));
    let times = r#""issued_at":"2020-01-01T00:00:00Z","expires_at":"2020-01-02T00:00:00Z""#;
    let dead = format!(r#"{fields},"access_token":"dead","token_type":"bearer",{times}}}"#);
    secret.stage(&stuck, &dead).await.expect("staged");
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(report.version, Some(stuck));
    assert_eq!(place.rotator().issuer.live().last(), Some(&secret.current_token().await));
}

pub async fn two_rotations_at_once_end_with_one_working_token(place: &impl Place) {
    for _ in 0..5 {
        let secret = Secret::holding(place, DOCUMENT).await;
        let before = place.rotator().issuer.live().len();
        let (one, other) = tokio::join!(secret.rotate(), secret.rotate());
        let promoted = [&one, &other].into_iter().filter(|report| report.promoted()).count();
        assert!(promoted > 0, "{one:?} {other:?}");
        let [current, _, pending] = secret.labels().await;
        assert!(pending.is_none() || pending == current, "something is left staged");
        let live = place.rotator().issuer.live().split_off(before);
        assert!(live.contains(&secret.current_token().await), "readers get a dead token");
        // Of two that were promoted, the former need not be kept by the store.
        let stored = place.every_value(&secret.id).await.join("\n");
        let stray = live.iter().filter(|token| !stored.contains(*token)).count();
        assert!(stray < promoted, "a token lives that is stored nowhere: {one:?} {other:?}");
    }
}

pub async fn what_is_written_ahead_is_read_again_and_no_reader_sees_it(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let labels = secret.labels().await;
    assert_eq!((secret.ahead().await, secret.holder(AHEAD).await), (None, None));
    secret.write_ahead(SECOND).await.expect("written");
    assert_eq!(secret.ahead().await.as_deref(), Some(SECOND));
    let holder = secret.holder(AHEAD).await.expect("a version that bears the label");
    assert_eq!((secret.current().await.as_str(), secret.labels().await), (FIRST, labels));
    assert_eq!(secret.pending(&holder).await, None);
}

pub async fn writing_ahead_again_takes_the_place_of_what_was_there(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    for value in [SECOND, THIRD, THIRD] {
        secret.write_ahead(value).await.expect("written");
        assert_eq!(secret.ahead().await.as_deref(), Some(value));
    }
    let described = place.store().describe(&secret.id).await.expect("it can be described");
    let ahead = described.versions.iter().filter(|version| version.labels.iter().any(|label| label == AHEAD));
    assert_eq!(ahead.count(), 1);
}

pub async fn what_is_written_ahead_outlives_a_whole_rotation(place: &impl Place) {
    let secret = Secret::holding(place, FIRST).await;
    let (holder, version) = (secret.current_id().await, VersionId::random());
    secret.write_ahead(THIRD).await.expect("written");
    secret.stage(&version, SECOND).await.expect("staged");
    assert_eq!(secret.ahead().await.as_deref(), Some(THIRD));
    secret.promote(&version, &holder).await.expect("promoted");
    assert_eq!(secret.ahead().await.as_deref(), Some(THIRD));
    assert_eq!((secret.current().await.as_str(), secret.current_id().await), (SECOND, version));
}

pub async fn what_was_written_ahead_is_forgotten_once_and_for_all(place: &impl Place) {
    let secret = Secret::holding(place, DOCUMENT).await;
    secret.write_ahead(SECOND).await.expect("written");
    let holder = secret.holder(AHEAD).await.expect("a version that bears the label");
    for _ in 0..2 {
        let cleared = place.store().clear_intent(&secret.id, &holder).await;
        assert!(matches!(kind_of(cleared), None | Some(ErrorKind::StoreConflict)));
        assert_eq!((secret.ahead().await, secret.holder(AHEAD).await), (None, None));
    }
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    secret.write_ahead(THIRD).await.expect("written once more");
    assert_eq!(secret.ahead().await.as_deref(), Some(THIRD));
}

pub async fn nothing_is_written_ahead_of_an_unknown_secret(place: &impl Place) {
    let (store, unknown) = (place.store(), place.unknown());
    let missing = Some(ErrorKind::SecretNotFound);
    assert_eq!(kind_of(store.write_intent(&unknown, &SecretString::from(FIRST), None).await), missing);
    match store.read_intent(&unknown).await {
        Ok(value) => assert!(value.is_none()),
        Err(error) => assert_eq!(Some(error.kind()), missing),
    }
}
