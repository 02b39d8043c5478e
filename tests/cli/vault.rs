//! Secrets in KV of a real OpenBao: rotate, check and status.

use serde_json::{Value, json};

use super::bao::{Bao, ROOT};
use super::{CLIENT_ID, CLIENT_SECRET, STEPS, Scene, Transcript, document, output, run, run_with};

const TYPED: &str = "vault:secret/team/genesys";

/// Runs a command with the root token, and asserts that its output does not contain it.
async fn run_on(bao: &Bao, scene: &Scene, arguments: &[&str]) -> Transcript {
    let mut command = scene.command(arguments);
    command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", ROOT);
    let transcript = output(command).await;
    assert!(!transcript.stdout.contains(ROOT) && !transcript.stderr.contains(ROOT), "{}", transcript.stderr);
    scene.without_log(transcript)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_rotate_and_status_work_on_kv() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    bao.put("team/genesys", &document(CLIENT_SECRET).to_string()).await;
    let checked = run_on(&bao, &scene, &["check", TYPED]).await;
    assert_eq!((checked.exit, checked.stderr.as_str()), (Some(0), ""));
    assert!(checked.stdout.ends_with("ready to rotate; nothing was stored\n"), "{}", checked.stdout);
    for _ in 0..2 {
        let rotated = run_on(&bao, &scene, &["rotate", TYPED]).await;
        assert_eq!(rotated.exit, Some(0), "{}", rotated.stderr);
        for step in STEPS {
            assert!(rotated.stdout.contains(&format!("ok   {step}")), "{}", rotated.stdout);
        }
        let stored = bao.get("team/genesys").await;
        let token = stored["access_token"].as_str().expect("a token").to_owned();
        assert!(scene.simulation.genesys.live_tokens().contains(&token));
        assert_eq!(stored["ours"], 1);
    }
    let shown = run_on(&bao, &scene, &["status", TYPED, "--output", "json"]).await;
    let status = &shown.json()[0];
    assert_eq!((shown.exit, &status["token"], &status["error"]), (Some(0), &"stored".into(), &Value::Null));
    assert_eq!(status["expires_at"], bao.get("team/genesys").await["expires_at"]);
    let versions = status["versions"].as_array().expect("the versions are a list");
    let labels: Vec<_> = versions.iter().map(|version| &version["labels"][0]).collect();
    assert_eq!(labels, ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_not_promoted_in_kv() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    bao.put("team/genesys", &document(CLIENT_SECRET).to_string()).await;
    scene.simulation.genesys.set(|knobs| knobs.reject_new_tokens = true);
    let transcript = run_on(&bao, &scene, &["rotate", TYPED, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"TokenRejected".into()));
    assert_eq!(bao.get("team/genesys").await, document(CLIENT_SECRET), "readers keep the current document");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credentials_may_be_at_another_path_of_the_same_store() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    let credentials = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    bao.put("private/genesys", &credentials.to_string()).await;
    let pointing = json!({"region": "eu-west-1", "credentials": "secret/private/genesys"});
    bao.put("team/genesys", &pointing.to_string()).await;
    let transcript = run_on(&bao, &scene, &["rotate", TYPED]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    let stored = bao.get("team/genesys").await;
    assert!(stored["access_token"].is_string() && stored.get("client_secret").is_none());
    assert_eq!(bao.get("private/genesys").await, credentials);
    let pending = bao.get("genesys-rotator/pending/team/genesys").await;
    assert!(pending["current"]["version"].is_string() && pending.get("pending").is_none(), "{pending}");
}

#[tokio::test(flavor = "multi_thread")]
async fn used_by_lists_paths_with_their_mount() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    let pointing = json!({"region": "eu-west-1", "credentials": "secret/private/genesys"});
    bao.put("team/genesys", &pointing.to_string()).await;
    for (entry, is_permitted) in [
        ("secret/team/genesys", true),
        ("secret/team/*", true),
        ("team/genesys", false),
        ("secret/team", false),
        ("vault:secret/team/genesys", false),
        ("secret/team/*/genesys", false),
    ] {
        let private = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "used_by": [entry]});
        bao.put("private/genesys", &private.to_string()).await;
        scene.simulation.journal.clear();
        let transcript = run_on(&bao, &scene, &["check", TYPED]).await;
        assert_eq!(transcript.exit, Some(i32::from(!is_permitted)), "{entry}: {}", transcript.stderr);
        if !is_permitted {
            assert!(transcript.error().0.contains("used_by"), "{}", transcript.stderr);
            assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "no credentials were sent");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_reports_the_error_of_kv() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    for command in ["rotate", "check", "status"] {
        let transcript = run_on(&bao, &scene, &[command, "vault:secret/nobody", "--output", "json"]).await;
        assert_eq!(transcript.exit, Some(1), "{command}");
        assert_eq!(transcript.json()[0]["error"]["type"], "SecretNotFound", "{command}");
        assert!(transcript.error().0.starts_with("vault:secret/nobody: secret nobody does not exist in secret/"));
        let environment = [("VAULT_ADDR", bao.url.as_str()), ("BAO_TOKEN", "hush-wrong")];
        let transcript = run_with(&[command, TYPED, "--output", "json"], &environment);
        assert_eq!(transcript.exit, Some(1), "{command}");
        assert_eq!(transcript.json()[0]["error"]["type"], "StoreDenied", "{command}");
        let (error, hint) = transcript.error();
        assert!(error.contains("Vault rejects the token (403: ") && error.contains("permission denied"), "{error}");
        assert!(hint.starts_with("the token is expired or revoked") && hint.contains("VAULT_TOKEN"), "{hint}");
    }
}

#[test]
fn invalid_vault_settings_are_wrong_usage() {
    for command in ["rotate", "check", "status"] {
        let transcript = run_with(&[command, TYPED], &[("VAULT_ADDR", "http://vault.example:8200")]);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{command}");
        assert!(transcript.error().0.contains("VAULT_ADDR is plain http to another machine"), "{}", transcript.stderr);
        let transcript = run(&[command, "vault:secret"]);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{command}");
        assert_eq!(transcript.error().0, "vault:secret is not vault:MOUNT/PATH");
    }
    let transcript = run(&["status", TYPED]);
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.error().1.contains("VAULT_ROLE_ID"), "{}", transcript.stderr);
}
