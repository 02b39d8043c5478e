//! Kills at each storage call: the next process completes or undoes the work.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, role, token_in, until};
use openbao_plugin::testing::Moment;

/// More storage calls than any operation makes.
const MOST_CALLS: usize = 100;

#[tokio::test]
async fn a_rotation_recovers_from_a_kill_before_any_storage_call() {
    a_rotation_recovers_from_a_kill(&Hosted::with_role().await, Moment::Before).await;
}

#[tokio::test]
async fn a_rotation_recovers_from_a_kill_after_any_storage_call() {
    a_rotation_recovers_from_a_kill(&Hosted::with_role().await, Moment::After).await;
}

#[tokio::test]
async fn a_rotation_with_transactions_recovers_from_a_kill_at_any_storage_call() {
    let hosted = Hosted::with_role().await;
    hosted.storage.enable_transactions();
    hosted.restart().await;
    a_rotation_recovers_from_a_kill(&hosted, Moment::Before).await;
    a_rotation_recovers_from_a_kill(&hosted, Moment::After).await;
}

#[tokio::test]
async fn a_promotion_is_one_transaction_where_the_host_has_them() {
    let hosted = Hosted::with_role().await;
    hosted.storage.enable_transactions();
    hosted.restart().await;
    hosted.storage.take_calls();
    hosted.call("write", "rotate-role/ci", Value::Null).await.unwrap();
    let calls = hosted.storage.take_calls();
    let promotion = ["begin", "put static-creds/ci", "delete static-pending/ci", "commit"];
    assert!(calls.windows(promotion.len()).any(|window| window == promotion), "{calls:?}");
    assert_eq!(hosted.storage.open_transactions(), 0);
}

async fn a_rotation_recovers_from_a_kill(hosted: &Hosted, moment: Moment) {
    for calls_before in 0..MOST_CALLS {
        let former = hosted.token().await;
        hosted.age().await;
        hosted.kill_at(calls_before, moment);
        hosted.tick().await;
        let rotated = || hosted.stored_token().is_some_and(|stored| stored != former);
        let is_staged = || hosted.storage.text("static-pending/ci").is_some();
        until("the process is killed or the rotation has ended", || {
            hosted.has_been_killed() || (rotated() && !is_staged())
        })
        .await;
        assert!(hosted.stored_token().is_some_and(|token| hosted.is_live(&token)), "after {calls_before} calls");
        if hosted.storage.cancel() {
            assert!(calls_before > 5, "a rotation makes more calls than {calls_before}");
            hosted.assert_no_secrets_logged();
            return;
        }
        hosted.restart().await;
        until(&format!("the rotation is completed after {calls_before} calls"), || rotated() && !is_staged()).await;
        assert!(hosted.is_live(&hosted.token().await), "after {calls_before} calls");
        assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    }
    panic!("the rotation makes more than {MOST_CALLS} calls");
}

#[tokio::test]
async fn a_kill_at_any_storage_call_of_a_write_leaves_a_complete_role_or_none() {
    let hosted = Hosted::start().await;
    for calls_before in 0..MOST_CALLS {
        let moment = if calls_before % 2 == 0 { Moment::Before } else { Moment::After };
        hosted.kill_at(calls_before, moment);
        let written = hosted.call("write", "static-roles/ci", role()).await.is_ok();
        if written && hosted.storage.cancel() {
            assert!(calls_before > 10);
            return hosted.assert_no_secrets_logged();
        }
        hosted.restart().await;
        hosted.tick().await;
        let is_complete = || hosted.stored_token().is_some_and(|token| hosted.is_live(&token));
        let is_there = || hosted.storage.text("static-roles/ci").is_some();
        let is_missing = || hosted.storage.keys() == ["config/main"];
        until("the role is complete or missing", || if is_there() { is_complete() } else { is_missing() }).await;
        hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    }
    panic!("the write makes more than {MOST_CALLS} calls");
}

#[tokio::test]
async fn a_kill_at_any_storage_call_of_a_change_leaves_the_old_or_the_new_role() {
    let hosted = Hosted::with_role().await;
    for calls_before in 0..MOST_CALLS {
        let former = hosted.token().await;
        let change = match hosted.read("static-roles/ci").await["probes"].as_array() {
            Some(probes) if probes.is_empty() => json!({"probes": role()["probes"]}),
            _ => json!({"probes": []}),
        };
        hosted.kill_at(calls_before / 2, if calls_before % 2 == 0 { Moment::Before } else { Moment::After });
        let written = hosted.call("write", "static-roles/ci", change).await.is_ok();
        assert!(hosted.is_live(&former), "the former token stays valid");
        if written && hosted.storage.cancel() {
            assert!(calls_before > 10);
            return hosted.assert_no_secrets_logged();
        }
        hosted.restart().await;
        let is_staged = || hosted.storage.text("static-pending/ci").is_some();
        let probes = hosted.read("static-roles/ci").await["probes"].to_string().replace('"', "\\\"");
        let follows = || hosted.storage.text("static-creds/ci").is_some_and(|stored| stored.contains(&probes));
        until("the token matches the role", || follows() && !is_staged()).await;
        assert!(hosted.is_live(&hosted.token().await));
    }
    panic!("the change makes more than {MOST_CALLS} calls");
}

#[tokio::test]
async fn a_hanging_rotation_does_not_delay_shutdown_and_is_repeated_later() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.age().await;
    hosted.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Hang));
    let asked = hosted.simulation.journal.count("POST /oauth/token");
    hosted.tick().await;
    until("the rotation hangs", || hosted.simulation.journal.count("POST /oauth/token") > asked).await;
    hosted.shut_down().await;
    assert_eq!(hosted.stored_token().as_deref(), Some(former.as_str()));
    hosted.simulation.faults.clear();
    hosted.restart().await;
    until("the role is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_kill_at_any_storage_call_of_a_deletion_leaves_no_token() {
    let hosted = Hosted::start().await;
    for calls_before in 0..MOST_CALLS {
        hosted.write("static-roles/ci", role()).await;
        let token = hosted.token().await;
        hosted.kill_at(calls_before, Moment::After);
        let deleted = hosted.call("delete", "static-roles/ci", Value::Null).await.is_ok();
        if deleted && hosted.storage.cancel() {
            assert!(!hosted.is_live(&token));
            return hosted.assert_no_secrets_logged();
        }
        hosted.restart().await;
        hosted.tick().await;
        let is_there = hosted.storage.text("static-roles/ci").is_some();
        until("the role is complete or deleted", || is_there || hosted.storage.keys() == ["config/main"]).await;
        assert_eq!(hosted.is_live(&token), is_there, "after {calls_before} calls");
        hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    }
    panic!("the deletion makes more than {MOST_CALLS} calls");
}

#[tokio::test]
async fn credentials_without_a_role_are_deleted() {
    let hosted = Hosted::with_role().await;
    let stored = hosted.storage.text("static-creds/ci").unwrap();
    let token = token_in(&stored).unwrap();
    hosted.storage.remove("static-roles/ci");
    hosted.invalidate("static-roles/ci").await;
    hosted.store("static-pending/never-written", &stored).await;
    hosted.tick().await;
    until("the credentials are deleted", || hosted.storage.keys() == ["config/main"]).await;
    assert!(!hosted.is_live(&token));
}
