//! Static roles on nodes that may not write.

use serde_json::Value;

use crate::hosted::{Hosted, Refused, role, until};

pub const STANDBY: i32 = 1 << 14;
pub const PERFORMANCE_SECONDARY: i32 = 1 << 6;
const DISASTER_RECOVERY_SECONDARY: i32 = 1 << 9;
pub const READ_ONLY: &str = "cannot write to readonly storage";

/// Waits for another pass of the background task.
pub async fn pass(hosted: &Hosted) {
    let asked = hosted.system.times_asked();
    hosted.tick().await;
    until("the background task has run", || hosted.system.times_asked() > asked).await;
}

#[tokio::test]
async fn standbys_and_secondaries_rotate_nothing() {
    let hosted = Hosted::with_role().await;
    let (former, minted) = (hosted.token().await, hosted.simulation.genesys.minted());
    hosted.system.set_replication_state(STANDBY);
    // A pass that began before may still be running.
    pass(&hosted).await;
    pass(&hosted).await;
    hosted.age().await;
    for state in [STANDBY, PERFORMANCE_SECONDARY, DISASTER_RECOVERY_SECONDARY] {
        hosted.system.set_replication_state(state);
        hosted.storage.take_calls();
        // The second pass begins after the first has ended.
        pass(&hosted).await;
        pass(&hosted).await;
        assert_eq!(hosted.storage.take_calls(), [""; 0]);
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
    assert_eq!(hosted.token().await, former, "reads are answered");
    hosted.system.set_replication_state(0);
    hosted.tick().await;
    until("the active node rotates the role", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_secondary_rotates_the_roles_of_a_local_mount() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.system.set_replication_state(PERFORMANCE_SECONDARY);
    hosted.system.set_local_mount(true);
    hosted.age().await;
    hosted.tick().await;
    until("the role is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
}

#[tokio::test]
async fn a_standby_forwards_writes_and_mints_no_token_for_them() {
    let hosted = Hosted::with_role().await;
    hosted.system.set_replication_state(STANDBY);
    let minted = hosted.simulation.genesys.minted();
    for (path, data) in [("static-roles/new", role()), ("rotate-role/ci", Value::Null)] {
        let refused = hosted.call("write", path, data).await.unwrap_err();
        assert_eq!(refused, Refused(500, READ_ONLY.to_owned()), "{path}");
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
}

#[tokio::test]
async fn a_node_with_read_only_storage_leaves_no_token() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.age().await;
    hosted.storage.refuse(READ_ONLY);
    let minted = hosted.simulation.genesys.minted();
    hosted.storage.take_calls();
    hosted.tick().await;
    until("the background task has tested write access", || {
        hosted.storage.calls().iter().any(|call| call.starts_with("delete "))
    })
    .await;
    pass(&hosted).await;
    assert_eq!(hosted.simulation.genesys.minted(), minted, "no token is minted that could not be stored");
    for (path, data) in [("static-roles/new", role()), ("rotate-role/ci", Value::Null)] {
        let refused = hosted.call("write", path, data).await.unwrap_err();
        assert_eq!(refused, Refused(500, READ_ONLY.to_owned()), "{path}");
    }
    assert_eq!(hosted.live(), [token]);
    hosted.storage.refuse("");
    assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    hosted.assert_no_secrets_logged();
}
