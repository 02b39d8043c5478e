//! `--revoke-previous`.

use simulators::faults::Fault;

use super::{Scene, numbers};
use crate::check::forbidden;
use crate::cxone;

const REVOKE: &str = "DELETE /api/v2/tokens/me";
const ALL: [&str; 7] = ["rotate", "--local", "--all", "--prefix", "prod/", "--revoke-previous", "--output"];

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
    let transcript = scene.run(&["rotate", "--local", "prod/a", "--revoke-previous"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.trim_end().ends_with("; the previous token is revoked"), "{}", transcript.stdout);
    assert!(!scene.is_alive(&first) && !scene.is_alive(&second));
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["rotate", "--local", "prod/a", "--revoke-previous"]).await;
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
    let first = scene.run(&["rotate", &typed, "--revoke-previous"]).await;
    assert_eq!(first.exit, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("there was no previous token"), "{}", first.stdout);
    let second = scene.run(&["rotate", &typed, "--revoke-previous", "--output", "json"]).await;
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
    assert_eq!(scene.run(&["rotate", &typed, "--revoke-previous"]).await.exit, Some(0));
    assert!(!scene.is_alive(&previous));
}
