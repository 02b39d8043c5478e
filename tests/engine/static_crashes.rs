//! The process is killed at any call of the storage; who comes next puts things right.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, role, token_in, until};
use openbao_plugin::testing::Moment;

/// More calls than anything here makes.
const MOST_CALLS: usize = 100;

#[tokio::test]
async fn a_kill_before_any_call_of_a_rotation_heals() {
    a_kill_at_any_call_of_a_rotation_heals(Moment::Before).await;
}

#[tokio::test]
async fn a_kill_after_any_call_of_a_rotation_heals() {
    a_kill_at_any_call_of_a_rotation_heals(Moment::After).await;
}

async fn a_kill_at_any_call_of_a_rotation_heals(moment: Moment) {
    let hosted = Hosted::with_role().await;
    for calls_before in 0..MOST_CALLS {
        // Nothing runs any more that could come in between.
        let former = hosted.token().await;
        hosted.age().await;
        hosted.kill_at(calls_before, moment);
        hosted.tick().await;
        let rotated = || hosted.stored_token().is_some_and(|stored| stored != former);
        let is_staged = || hosted.storage.text("static-pending/ci").is_some();
        until("it is killed or done", || hosted.has_been_killed() || (rotated() && !is_staged())).await;
        assert!(hosted.stored_token().is_some_and(|token| hosted.is_live(&token)), "after {calls_before} calls");
        if hosted.storage.cancel() {
            assert!(calls_before > 5, "a rotation makes more calls than {calls_before}");
            hosted.assert_discreet();
            return;
        }
        hosted.restart().await;
        until(&format!("it is put right after {calls_before} calls"), || rotated() && !is_staged()).await;
        assert!(hosted.is_live(&hosted.token().await), "after {calls_before} calls");
        assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    }
    panic!("a rotation does not end");
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_write_leaves_a_whole_role_or_none() {
    let hosted = Hosted::start().await;
    for calls_before in 0..MOST_CALLS {
        let moment = if calls_before % 2 == 0 { Moment::Before } else { Moment::After };
        hosted.kill_at(calls_before, moment);
        let written = hosted.call("write", "static-roles/ci", role()).await.is_ok();
        if written && hosted.storage.cancel() {
            assert!(calls_before > 10);
            return hosted.assert_discreet();
        }
        hosted.restart().await;
        hosted.tick().await;
        let is_whole = || hosted.stored_token().is_some_and(|token| hosted.is_live(&token));
        let is_there = || hosted.storage.text("static-roles/ci").is_some();
        let is_none = || hosted.storage.keys() == ["config/main"];
        until("there is a whole role, or none", || if is_there() { is_whole() } else { is_none() }).await;
        hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    }
    panic!("a write does not end");
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_change_leaves_the_role_before_or_after_it() {
    let hosted = Hosted::with_role().await;
    for calls_before in 0..MOST_CALLS {
        let former = hosted.token().await;
        let change = match hosted.read("static-roles/ci").await["probes"].as_array() {
            Some(probes) if probes.is_empty() => json!({"probes": role()["probes"]}),
            _ => json!({"probes": []}),
        };
        hosted.kill_at(calls_before / 2, if calls_before % 2 == 0 { Moment::Before } else { Moment::After });
        let written = hosted.call("write", "static-roles/ci", change).await.is_ok();
        assert!(hosted.is_live(&former), "readers that have it go on");
        if written && hosted.storage.cancel() {
            assert!(calls_before > 10);
            return hosted.assert_discreet();
        }
        hosted.restart().await;
        let is_staged = || hosted.storage.text("static-pending/ci").is_some();
        let probes = hosted.read("static-roles/ci").await["probes"].to_string().replace('"', "\\\"");
        let follows = || hosted.storage.text("static-creds/ci").is_some_and(|stored| stored.contains(&probes));
        until("the token follows from what the role says", || follows() && !is_staged()).await;
        assert!(hosted.is_live(&hosted.token().await));
    }
    panic!("a change does not end");
}

#[tokio::test]
async fn a_rotation_that_hangs_does_not_hold_up_the_end_and_is_made_up_for() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.age().await;
    hosted.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Hang));
    let asked = hosted.simulation.journal.count("POST /oauth/token");
    hosted.tick().await;
    until("it hangs", || hosted.simulation.journal.count("POST /oauth/token") > asked).await;
    hosted.shut_down().await;
    assert_eq!(hosted.stored_token().as_deref(), Some(former.as_str()));
    hosted.simulation.faults.clear();
    hosted.restart().await;
    until("it is made up for", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_deletion_leaves_no_token_behind() {
    let hosted = Hosted::start().await;
    for calls_before in 0..MOST_CALLS {
        hosted.write("static-roles/ci", role()).await;
        let token = hosted.token().await;
        hosted.kill_at(calls_before, Moment::After);
        let deleted = hosted.call("delete", "static-roles/ci", Value::Null).await.is_ok();
        if deleted && hosted.storage.cancel() {
            assert!(!hosted.is_live(&token));
            return hosted.assert_discreet();
        }
        hosted.restart().await;
        hosted.tick().await;
        let is_there = hosted.storage.text("static-roles/ci").is_some();
        until("it is whole or gone", || is_there || hosted.storage.keys() == ["config/main"]).await;
        assert_eq!(hosted.is_live(&token), is_there, "after {calls_before} calls");
        hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    }
    panic!("a deletion does not end");
}

#[tokio::test]
async fn what_a_role_left_behind_is_swept() {
    let hosted = Hosted::with_role().await;
    let stored = hosted.storage.text("static-creds/ci").unwrap();
    let token = token_in(&stored).unwrap();
    hosted.storage.remove("static-roles/ci");
    hosted.invalidate("static-roles/ci").await;
    hosted.store("static-pending/never-written", &stored).await;
    hosted.tick().await;
    until("nothing is left", || hosted.storage.keys() == ["config/main"]).await;
    assert!(!hosted.is_live(&token));
}
