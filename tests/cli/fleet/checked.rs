//! `check --all`, and what `rotate --dry-run` looks at.

use serde_json::json;

use super::{DATABASE, Scene};
use crate::{CLIENT_SECRET, document, run};

const ALL: [&str; 4] = ["--all", "--prefix", "prod/", "--output=json"];

#[tokio::test(flavor = "multi_thread")]
async fn check_all_checks_what_rotate_all_would_rotate() {
    let scene = Scene::new().await;
    for name in ["prod/a", "prod/b", "prod/c"] {
        scene.with_token(name, &[]).await;
    }
    let mut misspelt = scene.current("prod/c");
    misspelt["probe"] = json!(["GET /api/v2/users?pageSize=1"]);
    scene.aws.put_secret_value().secret_id("prod/c").secret_string(misspelt.to_string()).send().await.expect("stored");
    scene.holding("prod/database", DATABASE, &[]).await;
    let lives = scene.simulation.genesys.live_tokens();
    let transcript = scene.run(&[&["check"], &ALL[..]].concat()).await;
    assert_eq!(transcript.exit, Some(1), "{}", transcript.stderr);
    assert_eq!(transcript.summary(), json!({"ready": 2, "not_ready": 1, "skipped": 1}));
    assert_eq!((&transcript.about("prod/a")["ok"], &transcript.about("prod/c")["ok"]), (&json!(true), &json!(false)));
    assert_eq!(transcript.about("prod/database")["skipped"], "unrelated");
    assert!(transcript.stderr.contains(r#"did you mean "probes"?"#), "{}", transcript.stderr);
    assert_eq!(scene.simulation.genesys.live_tokens(), lives, "the tokens of the checks are revoked");
    assert_eq!(run(&["check", "--all"]).exit, Some(2), "a filter is required");
    let several = scene.run(&["check", "prod/a", "prod/b"]).await;
    assert_eq!(several.exit, Some(0), "{}", several.stderr);
    assert!(several.stdout.ends_with("2 ready, 0 not ready, 0 skipped\n"), "{}", several.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_selection_is_a_failure_of_every_command() {
    let scene = Scene::new().await;
    scene.holding("prod/database", DATABASE, &[]).await;
    for (command, prefix) in [("rotate", "test/"), ("check", "test/"), ("status", "test/"), ("check", "prod/")] {
        let yes: &[&str] = if command == "rotate" { &["--yes"] } else { &[] };
        let transcript = scene.run(&[&[command, "--all", "--prefix", prefix], yes].concat()).await;
        assert_eq!(transcript.exit, Some(1), "{command} {prefix}: {}", transcript.stdout);
        assert!(!transcript.error().1.is_empty(), "{command}");
    }
    assert_eq!(scene.run(&["status"]).await.exit, Some(1), "no secret has rotation enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_reports_what_the_rotation_would_fail_with() {
    let scene = Scene::new().await;
    scene.holding("prod/text", "not JSON", &[]).await;
    scene.holding("prod/good", &document(CLIENT_SECRET).to_string(), &[]).await;
    let missing = format!("file:{}", scene.directory.path().join("none.json").display());
    for (arguments, kind) in [
        (&["prod/none"][..], "SecretNotFound"),
        (&["prod/none", "--local"], "SecretNotFound"),
        (&[&missing], "SecretNotFound"),
        (&["prod/text", "--local"], "DocumentInvalid"),
        (&["prod/good"], "RotationDisabled"),
    ] {
        let dry = scene.run(&[&["rotate", "--dry-run", "--output", "json"], arguments].concat()).await;
        assert_eq!(dry.exit, Some(1), "{arguments:?}: {}", dry.stdout);
        let line = &dry.json()[0];
        assert_eq!((&line["would"], &line["error"]["type"]), (&json!("fail"), &json!(kind)), "{arguments:?}");
    }
    assert_eq!(scene.run(&["rotate", "--dry-run", "prod/good", "--local"]).await.exit, Some(0));
}
