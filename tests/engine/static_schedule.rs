//! When static roles are rotated by themselves.

use std::collections::BTreeSet;

use serde_json::json;

use crate::hosted::{Hosted, role, until};

#[tokio::test]
async fn a_role_that_is_due_is_rotated_on_the_tick_and_another_is_not() {
    let hosted = Hosted::with_role().await;
    hosted.write("static-roles/later", role()).await;
    let (former, later) = (hosted.token().await, hosted.storage.text("static-creds/later"));
    hosted.age().await;
    hosted.tick().await;
    until("it is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
    assert_eq!(hosted.storage.text("static-creds/later"), later);
    assert!(hosted.is_live(&hosted.token().await));
    until("it is logged", || hosted.has_logged("the static role was rotated")).await;
}

#[tokio::test]
async fn many_roles_that_are_due_are_all_rotated() {
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
    until("all of them are rotated", || names.iter().all(is_fresh)).await;
    assert!(names.iter().all(|name| !before.contains(&stored(name))));
}

#[tokio::test]
async fn a_token_that_lives_shorter_than_the_period_is_rotated_in_time() {
    let hosted = Hosted::start().await;
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 8);
    let answer = hosted.write("static-roles/ci", role()).await;
    assert!(answer.warnings[0].contains("the token is rotated before it expires"), "{answer:?}");
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let token = hosted.token().await;
        // A token may expire between the two, so what counts is what readers have by then.
        assert!(hosted.is_live(&token) || hosted.token().await != token, "readers get a dead token");
        seen.insert(token);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_failed_is_not_tried_again_at_once() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    hosted.age().await;
    hosted.tick().await;
    let failed = || hosted.storage.text("static-roles/ci").is_some_and(|role| role.contains("TokenRejected"));
    until("it has failed", failed).await;
    let minted = hosted.simulation.genesys.minted();
    for _ in 0..3 {
        let asked = hosted.system.times_asked();
        hosted.storage.take_calls();
        hosted.tick().await;
        until("it has looked", || hosted.system.times_asked() > asked).await;
        until("at every list", || hosted.storage.calls().iter().any(|call| call == "list static-pending/")).await;
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted);
    assert_eq!(hosted.read("static-roles/ci").await["last_error"]["failures"], 1);
}
