//! Nodes that may not write.

use serde_json::Value;

use crate::hosted::{Hosted, Refused, role, until};

const STANDBY: i32 = 1 << 14;
const PERFORMANCE_SECONDARY: i32 = 1 << 6;
const DISASTER_RECOVERY_SECONDARY: i32 = 1 << 9;
const READ_ONLY: &str = "cannot write to readonly storage";

/// Waits until the task has looked once more.
async fn looked(hosted: &Hosted) {
    let asked = hosted.system.times_asked();
    hosted.tick().await;
    until("it has looked", || hosted.system.times_asked() > asked).await;
}

#[tokio::test]
async fn neither_a_standby_nor_a_secondary_rotates_anything() {
    let hosted = Hosted::with_role().await;
    let (former, minted) = (hosted.token().await, hosted.simulation.genesys.minted());
    for state in [STANDBY, PERFORMANCE_SECONDARY, DISASTER_RECOVERY_SECONDARY] {
        hosted.system.set_replication_state(state);
        // The write of the role has the task look, and it may be at it still.
        looked(&hosted).await;
        looked(&hosted).await;
        hosted.age().await;
        hosted.storage.take_calls();
        looked(&hosted).await;
        looked(&hosted).await;
        assert_eq!(hosted.storage.take_calls(), [""; 0]);
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
    assert_eq!(hosted.token().await, former, "it answers readers all the same");
    hosted.system.set_replication_state(0);
    hosted.tick().await;
    until("the active node rotates", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_secondary_rotates_what_is_its_own_alone() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.system.set_replication_state(PERFORMANCE_SECONDARY);
    hosted.system.set_local_mount(true);
    hosted.age().await;
    hosted.tick().await;
    until("it is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_standby_has_the_host_send_writes_on_and_makes_no_token_for_them() {
    let hosted = Hosted::with_role().await;
    hosted.system.set_replication_state(STANDBY);
    let minted = hosted.simulation.genesys.minted();
    for (path, data) in [("static-roles/new", role()), ("rotate-role/ci", Value::Null)] {
        let refused = hosted.call("write", path, data).await.unwrap_err();
        assert_eq!(refused, Refused(0, READ_ONLY.to_owned()), "{path}");
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
}

#[tokio::test]
async fn a_node_that_learns_from_its_storage_that_it_may_not_write_leaves_no_token_behind() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.age().await;
    hosted.storage.refuse(READ_ONLY);
    let minted = hosted.simulation.genesys.minted();
    hosted.storage.take_calls();
    hosted.tick().await;
    until("it has tried", || hosted.storage.calls().iter().any(|call| call.starts_with("delete "))).await;
    looked(&hosted).await;
    assert_eq!(hosted.simulation.genesys.minted(), minted, "no token is made that could not be stored");
    for (path, data) in [("static-roles/new", role()), ("rotate-role/ci", Value::Null)] {
        let refused = hosted.call("write", path, data).await.unwrap_err();
        assert_eq!(refused, Refused(0, READ_ONLY.to_owned()), "{path}");
    }
    assert_eq!(hosted.live(), [token]);
    hosted.storage.refuse("");
    assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    hosted.assert_discreet();
}
