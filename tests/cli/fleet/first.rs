//! First rotations of selected documents, with `--include-new`.

use serde_json::json;

use super::{DATABASE, Scene, numbers};
use crate::{CLIENT_ID, CLIENT_SECRET, document};

const SELECTION: [&str; 6] = ["--all", "--prefix", "genesys/", "--include-new", "--output", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn new_documents_are_rotated_after_a_check_and_nothing_else_is() {
    let scene = Scene::new().await;
    scene.with_token("genesys/old", &[]).await;
    let mut new = document(CLIENT_SECRET);
    new["platform"] = "genesys-cloud".into();
    scene.holding("genesys/new", &new.to_string(), &[]).await;
    scene.holding("genesys/domain", &with(&document(CLIENT_SECRET), "region", &json!("mypurecloud.ie")), &[]).await;
    scene.holding("genesys/wrong", &with(&new, "client_secret", &json!("not-the-secret")), &[]).await;
    scene.holding("genesys/misspelt", &with(&new, "probe", &json!("GET /api/v2/users/me")), &[]).await;
    scene.holding("genesys/lent", &with(&new, "used_by", &json!(["genesys/points"])), &[]).await;
    scene.holding("genesys/admin", &with(&new, "rotates", &json!([CLIENT_ID])), &[]).await;
    scene.holding("genesys/points", r#"{"platform":"genesys-cloud","credentials":"genesys/lent"}"#, &[]).await;
    // Secrets of other services: one names another, and one has a region that looks like a domain.
    scene.holding("genesys/pool", r#"{"credentials":"genesys/cognito","pool":"p"}"#, &[]).await;
    scene
        .holding("genesys/tenant", &with(&document(CLIENT_SECRET), "region", &json!("tenant.eu.auth0.com")), &[])
        .await;
    scene.holding("genesys/database", DATABASE, &[]).await;
    // Credentials of another service may have the same field names, and a region of AWS.
    scene.holding("genesys/cognito", &document(CLIENT_SECRET).to_string(), &[]).await;

    let skipped = scene.run(&["rotate", "--local", "--yes", "--all", "--prefix", "genesys/", "--output", "json"]).await;
    assert_eq!(skipped.summary(), numbers(&[("rotated", 1), ("skipped", 11)]), "{}", skipped.stderr);

    let checked = scene.run(&[&["check"], &SELECTION[..]].concat()).await;
    let summary = checked.summary();
    assert_eq!((&summary["ready"], &summary["not_ready"], &summary["skipped"]), (&4.into(), &2.into(), &6.into()));

    let dry = scene.run(&[&["rotate", "--local", "--dry-run"], &SELECTION[..]].concat()).await;
    assert!(
        dry.about("genesys/new")["why"].as_str().is_some_and(|why| why.contains("for the first time, after a check"))
    );

    let rotated = scene.run(&[&["rotate", "--local", "--yes"], &SELECTION[..]].concat()).await;
    let expected = numbers(&[("rotated", 4), ("failed", 2), ("skipped", 6)]);
    assert_eq!((rotated.exit, rotated.summary()), (Some(1), expected), "{}", rotated.stderr);
    for name in ["genesys/old", "genesys/new", "genesys/domain", "genesys/points"] {
        assert_eq!(rotated.about(name)["promoted"], true, "{name}");
        assert!(scene.is_alive(&scene.token_of(name)), "{name}");
    }
    assert_eq!(rotated.about("genesys/wrong")["error"]["type"], "CredentialsRejected");
    for name in
        ["genesys/lent", "genesys/admin", "genesys/database", "genesys/cognito", "genesys/pool", "genesys/tenant"]
    {
        assert_eq!(rotated.about(name)["skipped"]["reason"], "unrelated", "{name}");
        assert_eq!(scene.current(name).get("access_token"), None, "{name}");
    }
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 6, "the tokens of the checks are revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_without_a_function_is_skipped_unless_it_is_rotated_here() {
    let scene = Scene::new().await;
    scene.rotating("genesys/attached").await;
    scene.holding("genesys/alone", &with(&document(CLIENT_SECRET), "platform", &json!("genesys-cloud")), &[]).await;
    let rotated = scene.run(&[&["rotate", "--yes"], &SELECTION[..]].concat()).await;
    let expected = numbers(&[("rotated", 1), ("skipped", 1)]);
    assert_eq!((rotated.exit, rotated.summary()), (Some(0), expected), "{}", rotated.stderr);
    let reason = &rotated.about("genesys/alone")["skipped"]["message"];
    assert!(reason.as_str().is_some_and(|why| why.contains("rotation is not enabled")), "{reason}");
}

fn with(document: &serde_json::Value, field: &str, value: &serde_json::Value) -> String {
    let mut changed = document.clone();
    changed[field] = value.clone();
    changed.to_string()
}
