//! The schedule of static roles.

use std::collections::BTreeSet;

use serde_json::json;

use crate::hosted::{Hosted, role, until};

#[tokio::test]
async fn the_tick_rotates_due_roles_only() {
    let hosted = Hosted::with_role().await;
    hosted.write("static-roles/later", role()).await;
    let (former, later) = (hosted.token().await, hosted.storage.text("static-creds/later"));
    hosted.age().await;
    hosted.tick().await;
    until("the role is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
    assert_eq!(hosted.storage.text("static-creds/later"), later);
    assert!(hosted.is_live(&hosted.token().await));
    until("the rotation is logged", || hosted.has_logged("the static role was rotated")).await;
}

#[tokio::test]
async fn all_due_roles_are_rotated() {
    let hosted = Hosted::start().await;
    let names: Vec<_> = (0..30).map(|number| format!("role-{number}")).collect();
    for name in &names {
        hosted.write(&format!("static-roles/{name}"), json!({"config": "main", "rotation_period": 3_600})).await;
    }
    let stored = |name: &String| hosted.storage.text(&format!("static-creds/{name}")).unwrap();
    let before: BTreeSet<_> = names.iter().map(stored).collect();
    for name in &names {
        let aged = stored(name).replace(r#"\"issued_at\":\"2"#, r#"\"issued_at\":\"1"#);
        hosted.store(&format!("static-creds/{name}"), &aged).await;
    }
    hosted.restart().await;
    let is_fresh = |name: &String| !stored(name).contains(r#"issued_at\":\"1"#);
    until("all roles are rotated", || names.iter().all(is_fresh)).await;
    assert!(names.iter().all(|name| !before.contains(&stored(name))));
}

#[tokio::test]
async fn a_token_with_a_life_shorter_than_the_period_is_rotated_before_it_expires() {
    let hosted = Hosted::start().await;
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 8);
    let answer = hosted.write("static-roles/ci", role()).await;
    assert!(answer.warnings[0].contains("the token is rotated before it expires"), "{answer:?}");
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let token = hosted.token().await;
        // A token may expire between the two calls: then readers must get another one.
        assert!(hosted.is_live(&token) || hosted.token().await != token, "readers get an expired token");
        seen.insert(token);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_failed_rotation_is_not_retried_at_once() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    hosted.age().await;
    hosted.tick().await;
    let failed = || hosted.storage.text("static-roles/ci").is_some_and(|role| role.contains("TokenRejected"));
    until("the rotation has failed", failed).await;
    let minted = hosted.simulation.genesys.minted();
    for _ in 0..3 {
        let asked = hosted.system.times_asked();
        hosted.storage.take_calls();
        hosted.tick().await;
        until("the background task has run", || hosted.system.times_asked() > asked).await;
        until("the roles have been listed", || {
            hosted.storage.calls().iter().any(|call| call == "list static-pending/")
        })
        .await;
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
    assert_eq!(hosted.read("static-roles/ci").await["last_error"]["failures"], 1);
}
