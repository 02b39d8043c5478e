//! `--revoke-previous`.

use serde_json::json;
use simulators::faults::Fault;

use super::{DATABASE, Scene, numbers};
use crate::check::forbidden;
use crate::{CLIENT_SECRET, cxone, document};

const REVOKE: &str = "DELETE /api/v2/tokens/me";
const ALL: [&str; 8] = ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--revoke-previous", "--output"];

#[tokio::test(flavor = "multi_thread")]
async fn previous_tokens_are_revoked_after_the_promotion() {
    let scene = Scene::new().await;
    let previous = [scene.with_token("prod/a", &[]).await, scene.with_token("prod/b", &[]).await];
    scene.simulation.journal.clear();
    let transcript = scene.run(&[&ALL[..], &["json", "--concurrency", "1"]].concat()).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert_eq!(transcript.summary(), numbers(&[("rotated", 2), ("revoked", 2)]));
    assert_eq!(transcript.about("prod/a")["revocation"]["outcome"], "revoked");
    assert!(transcript.stderr.contains("warning: readers that still use a previous token get 401"));
    assert!(previous.iter().all(|token| !scene.is_alive(token)));
    assert!(scene.is_alive(&scene.token_of("prod/a")) && scene.is_alive(&scene.token_of("prod/b")));
    // Promoted, read back, and only then revoked.
    let calls = scene.simulation.journal.calls();
    let at = |operation: &str| calls.iter().position(|call| call.operation == operation).expect(operation);
    let promoted = at("UpdateSecretVersionStage");
    let read_back = calls[promoted..].iter().position(|call| call.operation == "GetSecretValue").expect("a read");
    assert!(promoted + read_back < at(REVOKE));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_before_the_previous_one_is_revoked_and_an_expired_one_counts_as_revoked() {
    let scene = Scene::new().await;
    let first = scene.with_token("prod/a", &[]).await;
    assert_eq!(scene.run(&["rotate", "--local", "prod/a"]).await.exit, Some(0));
    let second = scene.token_of("prod/a");
    assert!(scene.is_alive(&first) && scene.is_alive(&second));
    let transcript = scene.run(&["rotate", "--yes", "--local", "prod/a", "--revoke-previous"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.trim_end().ends_with("; the previous token is revoked"), "{}", transcript.stdout);
    assert!(!scene.is_alive(&first) && !scene.is_alive(&second));
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["rotate", "--yes", "--local", "prod/a", "--revoke-previous"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_rotation_revokes_nothing() {
    let scene = Scene::new().await;
    let previous = scene.with_token("prod/a", &[]).await;
    scene.simulation.genesys.set(|knobs| knobs.reject_new_tokens = true);
    let transcript = scene.run(&[&ALL[..], &["json"]].concat()).await;
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("failed", 1)])));
    assert!(transcript.about("prod/a").get("revocation").is_none());
    assert!(scene.is_alive(&previous));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_revocation_is_a_failure_and_the_next_run_retries_it() {
    let scene = Scene::new().await;
    let previous = scene.with_token("prod/a", &[]).await;
    scene.simulation.faults.add(Fault::always(REVOKE, forbidden()));
    let transcript = scene.run(&[&ALL[..], &["json"]].concat()).await;
    assert_eq!(transcript.exit, Some(1));
    assert_eq!(transcript.summary(), numbers(&[("rotated", 1), ("not_revoked", 1)]));
    let about = transcript.about("prod/a");
    assert_eq!((&about["promoted"], &about["revocation"]["outcome"]), (&true.into(), &"failed".into()));
    assert!(transcript.stderr.contains("error: prod/a: the previous token was not revoked: "), "{}", transcript.stderr);
    assert!(scene.is_alive(&previous));
    scene.simulation.faults.clear();
    let current = scene.token_of("prod/a");
    let transcript = scene.run(&[&ALL[..], &["json", "--older-than", "1h"]].concat()).await;
    assert_eq!(transcript.summary(), numbers(&[("skipped", 1), ("revoked", 1)]), "{}", transcript.stderr);
    assert!(!scene.is_alive(&previous) && scene.token_of("prod/a") == current && scene.is_alive(&current));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_cannot_revoke_tokens_is_reported() {
    let scene = Scene::new().await;
    let path = scene.directory.path().join("cxone.json");
    let typed = format!("file:{}", path.display());
    crate::write(scene.directory.path(), "cxone.json", &cxone::document(cxone::CLIENT, cxone::KEY).to_string());
    let first = scene.run(&["rotate", "--yes", &typed, "--revoke-previous"]).await;
    assert_eq!(first.exit, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("there was no previous token"), "{}", first.stdout);
    let second = scene.run(&["rotate", "--yes", &typed, "--revoke-previous", "--output", "json"]).await;
    let report = second.about(&typed);
    assert_eq!((second.exit, &report["revocation"]["outcome"]), (Some(0), &"not_offered".into()));
    assert!(report["revocation"]["expires_at"].is_string());
    assert!(second.stderr.contains("CXone cannot revoke tokens"), "{}", second.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_token_of_a_file_is_revoked() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let previous = crate::read(&path)["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(scene.run(&["rotate", "--yes", &typed, "--revoke-previous"]).await.exit, Some(0));
    assert!(!scene.is_alive(&previous));
}

/// Documents with a token that no rotation can have written, and one that is no document at all.
fn unreadable(token: &str) -> [(&'static str, String); 4] {
    let whole = json!({"region": "eu-west-1", "client_id": "c", "client_secret": "s", "access_token": token});
    let mut damaged = whole.to_string();
    damaged.pop();
    let duplicate = whole.to_string().replacen('{', r#"{"region":"eu-west-1","#, 1);
    let mut undated = whole.clone();
    undated["issued_at"] = "yesterday".into();
    [("prod/b", whole.to_string()), ("prod/c", damaged), ("prod/d", duplicate), ("prod/e", undated.to_string())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_a_token_that_cannot_be_handled_is_a_named_failure() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[]).await;
    let leaked = scene.mint().await;
    let documents = unreadable(&leaked);
    for (name, value) in &documents {
        scene.holding(name, value, &[]).await;
    }
    scene.holding("prod/database", DATABASE, &[]).await;
    let dry = scene.run(&[&ALL[..], &["json", "--dry-run"]].concat()).await;
    assert_eq!(dry.exit, Some(1), "{}", dry.stdout);
    let transcript = scene.run(&[&ALL[..], &["json"]].concat()).await;
    assert_eq!(transcript.exit, Some(1));
    assert_eq!(transcript.summary(), numbers(&[("rotated", 1), ("revoked", 1), ("failed", 4), ("skipped", 1)]));
    for (name, value) in &documents {
        assert_eq!(transcript.about(name)["error"]["type"], "DocumentInvalid", "{value}");
        assert!(transcript.stderr.contains(&format!("error: {name}: ")), "{}", transcript.stderr);
    }
    let status = scene.run(&["status", "--all", "--prefix", "prod/", "--output", "json"]).await;
    let named: Vec<_> = status.json().iter().map(|line| line["secret"].clone()).collect();
    assert_eq!(named, ["prod/a", "prod/b", "prod/c", "prod/d", "prod/e"]);
    assert_eq!(status.exit, Some(1), "two documents cannot be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_the_future_is_not_fresh() {
    let scene = Scene::new().await;
    let leaked = scene.mint().await;
    let mut value = document(CLIENT_SECRET);
    for (field, text) in [
        ("access_token", leaked.as_str()),
        ("token_type", "bearer"),
        ("issued_at", "2999-01-02T03:04:05Z"),
        ("expires_at", "2999-01-03T03:04:04Z"),
    ] {
        value[field] = text.into();
    }
    scene.holding("prod/a", &value.to_string(), &[]).await;
    let transcript = scene.run(&[&ALL[..], &["json", "--older-than", "1h"]].concat()).await;
    assert_eq!(transcript.summary(), numbers(&[("rotated", 1), ("revoked", 1)]), "{}", transcript.stderr);
    assert!(!scene.is_alive(&leaked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_previous_version_that_cannot_be_read_is_a_failed_revocation() {
    let scene = Scene::new().await;
    scene.holding("prod/a", r#"{"access_token":"leaked""#, &[]).await;
    let put = scene.aws.put_secret_value().secret_id("prod/a").secret_string(document(CLIENT_SECRET).to_string());
    put.send().await.expect("the document is replaced");
    let transcript =
        scene.run(&["rotate", "--yes", "--local", "prod/a", "--revoke-previous", "--output", "json"]).await;
    assert_eq!(transcript.exit, Some(1), "{}", transcript.stderr);
    let about = transcript.about("prod/a");
    assert_eq!((&about["promoted"], &about["revocation"]["outcome"]), (&true.into(), &"failed".into()));
}
