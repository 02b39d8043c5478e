//! Staging labels: UpdateSecretVersionStage and custom labels.

use aws_sdk_secretsmanager::operation::update_secret_version_stage::builders::UpdateSecretVersionStageFluentBuilder;

use super::{Simulator, code, id, refused};

async fn pending() -> Simulator {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &["AWSPENDING"]).await;
    simulator
}

fn update(simulator: &Simulator, label: &str) -> UpdateSecretVersionStageFluentBuilder {
    simulator.client.update_secret_version_stage().secret_id("s").version_stage(label)
}

#[tokio::test]
async fn moving_current_moves_previous_and_removes_pending() {
    let simulator = pending().await;
    let moved = update(&simulator, "AWSCURRENT").remove_from_version_id(id(1)).move_to_version_id(id(2));
    moved.send().await.expect("it moves");
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT AWSPENDING"]);
    // AWSPENDING of a finished rotation is removed together with AWSCURRENT.
    simulator.put(3, "three", &[]).await;
    assert_eq!(simulator.labels(), ["1: ", "2: AWSPREVIOUS", "3: AWSCURRENT"]);
}

#[tokio::test]
async fn rolling_back_swaps_current_and_previous() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &[]).await;
    let back = update(&simulator, "AWSCURRENT").remove_from_version_id(id(2)).move_to_version_id(id(1));
    back.send().await.expect("it moves");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPREVIOUS"]);
}

#[tokio::test]
async fn moving_a_label_requires_its_current_version() {
    let simulator = pending().await;
    let without = update(&simulator, "AWSCURRENT").move_to_version_id(id(2));
    let text = format!(
        "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version {}, \
         so you must explicitly reference that version in RemoveFromVersionId.",
        id(1)
    );
    assert_eq!(refused(without.send().await), ("InvalidParameterException".into(), text));
    let wrong = update(&simulator, "AWSCURRENT").remove_from_version_id(id(2)).move_to_version_id(id(2));
    assert_eq!(code(wrong.send().await), "InvalidParameterException");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
}

#[tokio::test]
async fn moving_a_label_to_its_own_version_changes_nothing() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &[]).await;
    update(&simulator, "AWSCURRENT").move_to_version_id(id(2)).send().await.expect("no change");
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
}

#[tokio::test]
async fn an_unattached_label_requires_no_current_version() {
    let simulator = pending().await;
    update(&simulator, "MINE").move_to_version_id(id(2)).send().await.expect("it is attached");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING MINE"]);
    update(&simulator, "MINE").remove_from_version_id(id(2)).send().await.expect("it is removed");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
}

#[tokio::test]
async fn the_current_label_cannot_be_removed() {
    let simulator = pending().await;
    let (code, message) = refused(update(&simulator, "AWSCURRENT").remove_from_version_id(id(1)).send().await);
    assert_eq!(code, "InvalidParameterException");
    assert!(message.starts_with("You can only move staging label AWSCURRENT"), "{message}");
}

#[tokio::test]
async fn a_missing_version_cannot_get_a_label() {
    let simulator = pending().await;
    let moved = update(&simulator, "AWSCURRENT").remove_from_version_id(id(1)).move_to_version_id(id(9));
    assert_eq!(code(moved.send().await), "ResourceNotFoundException");
}

#[tokio::test]
async fn custom_labels_move_one_by_one_and_are_sorted() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &["one", "two", "three"]).await;
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: one three two"]);
    simulator.put(3, "three", &["one", "two", "four"]).await;
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: three", "3: four one two"]);
}

#[tokio::test]
async fn a_version_has_at_most_20_labels() {
    let simulator = pending().await;
    for number in 1..20 {
        update(&simulator, &format!("L{number}")).move_to_version_id(id(2)).send().await.expect("it is attached");
    }
    let one_more = update(&simulator, "L20").move_to_version_id(id(2)).send().await;
    assert_eq!(code(one_more), "LimitExceededException");
}
