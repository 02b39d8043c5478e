//! `revoke --token -`.

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

use super::Scene;
use crate::{CLIENT_ID, CLIENT_SECRET, cxone, document, run, write};

const REVOKE: &str = "DELETE /api/v2/tokens/me";
const OWNER: &str = "GET /api/v2/tokens/me";
const END: [&str; 5] = ["revoke", "--token", "-", "--region", "eu-west-1"];
const END_JSON: [&str; 7] = ["revoke", "--token", "-", "--region", "mypurecloud.ie", "--output", "json"];

fn answer(status: u16, content_type: &str, body: &str) -> Effect {
    Effect::Answer(FaultAnswer::new(StatusCode::from_u16(status).expect("a status"), content_type, body))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_a_token_learns_whose_it_is_and_ends_it() {
    let scene = Scene::new().await;
    let (leaked, other) = (scene.mint().await, scene.mint().await);
    scene.simulation.journal.clear();
    let transcript = scene.run_piped(&END, &format!("{leaked}\n")).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{}", transcript.stdout);
    for words in [CLIENT_ID, "Simulated client", "Simulated Organization", "ok   revoked; the platform rejects it"] {
        assert!(transcript.stdout.contains(words), "{words}: {}", transcript.stdout);
    }
    assert!(!scene.is_alive(&leaked) && scene.is_alive(&other), "only this token ends");
    let calls: Vec<_> = scene.simulation.journal.calls().into_iter().map(|call| call.operation).collect();
    let revoked = calls.iter().position(|call| call == REVOKE).expect("a revocation");
    assert!(calls[revoked..].iter().any(|call| call == OWNER), "the rejection is seen: {calls:?}");
    let report = scene.run_piped(&END_JSON, &other).await.report();
    assert_eq!((&report["revoked"], &report["error"]), (&true.into(), &Value::Null));
    assert_eq!(report["owner"]["client"], json!({"id": CLIENT_ID, "name": "Simulated client"}));
    assert_eq!((&report["owner"]["user"], report.get("current_in")), (&Value::Null, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_a_token_is_named() {
    let scene = Scene::new().await;
    let mut client = OAuthClient::new(CLIENT_ID, CLIENT_SECRET);
    (client.user, client.name) = (true, "Ada\u{1b}[2J".to_owned());
    scene.simulation.genesys.add_client(client);
    let transcript = scene.run_piped(&END, &scene.mint().await).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.contains(&format!("user {CLIENT_ID} (Ada\\u{{1b}}[2J)")), "{}", transcript.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_gives_the_region_and_its_readers_are_warned_of() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("new.json");
    let leaked = scene.mint().await;
    let end = ["revoke", "--token", "-", "--secret", &typed, "--output", "json"];
    let transcript = scene.run_piped(&end, &leaked).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "the secret holds no token");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let current = crate::read(&scene.directory.path().join("new.json"))["access_token"].clone();
    let current = current.as_str().expect("a token").to_owned();
    let transcript = scene.run_piped(&end, &current).await;
    assert_eq!((transcript.exit, &transcript.report()["current_in"]), (Some(0), &typed.clone().into()));
    assert!(transcript.stderr.contains("get 401 until it is rotated"), "{}", transcript.stderr);
    assert!(
        transcript.stderr.contains(&format!("hint: run `genesys-rotator rotate {typed}`")),
        "{}",
        transcript.stderr
    );
    assert!(!scene.is_alive(&current));
    let aws = scene.with_token("prod/a", &[]).await;
    let transcript = scene.run_piped(&["revoke", "--token", "-", "--secret", "prod/a"], &aws).await;
    assert_eq!((transcript.exit, scene.is_alive(&aws)), (Some(0), false), "{}", transcript.stderr);
    let leaked = scene.mint().await;
    let transcript =
        scene.run_piped(&["revoke", "--token", "-", "--secret", "prod/none", "--output", "json"], &leaked).await;
    assert_eq!((transcript.exit, &transcript.report()["error"]["type"]), (Some(1), &"SecretNotFound".into()));
    assert!(scene.is_alive(&leaked), "no region, no request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_rejected_already_is_no_success() {
    let scene = Scene::new().await;
    let leaked = scene.mint().await;
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run_piped(&END_JSON, &leaked).await;
    let report = transcript.report();
    assert_eq!((transcript.exit, &report["revoked"]), (Some(1), &false.into()));
    assert_eq!(report["error"]["type"], "TokenRejected");
    assert!(transcript.error().1.contains("name that region"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_cxone_cannot_be_revoked_and_the_hint_says_what_to_do() {
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "cxone.json", &cxone::document(cxone::CLIENT, cxone::KEY).to_string());
    let typed = format!("file:{}", path.display());
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let token = crate::read(&path)["access_token"].as_str().expect("a token").to_owned();
    let transcript = scene.run_piped(&["revoke", "--token", "-", "--secret", &typed], &token).await;
    assert_eq!(transcript.exit, Some(1));
    let (error, hint) = transcript.error();
    assert!(error.contains("NICE CXone cannot revoke tokens") && error.contains("at most one hour"), "{error}");
    assert!(hint.contains("deactivate the access key"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_is_not_seen_to_work_is_a_failure_that_names_the_next_step() {
    let json = "application/json";
    for (effect, kind) in [
        (answer(403, json, r#"{"code":"not.authorized"}"#), "PermissionMissing"),
        (answer(401, json, r#"{"code":"ip.not.authorized"}"#), "IpNotAuthorized"),
        (answer(200, json, "{}"), "PlatformUnavailable"),
    ] {
        let scene = Scene::new().await;
        let leaked = scene.mint().await;
        scene.simulation.faults.add(Fault::always(REVOKE, effect));
        let transcript = scene.run_piped(&END_JSON, &leaked).await;
        let report = transcript.report();
        assert_eq!(
            (transcript.exit, &report["revoked"], &report["error"]["type"]),
            (Some(1), &false.into(), &kind.into())
        );
        let (error, hint) = transcript.error();
        assert!(error.contains("the token may still be valid"), "{error}");
        assert!(hint.contains(&format!("revoke --client {CLIENT_ID} --admin SECRET")), "{hint}");
        assert!(scene.is_alive(&leaked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_requests_are_limited_is_reported_as_valid() {
    let scene = Scene::new().await;
    let leaked = scene.mint().await;
    scene.simulation.genesys.set(|knobs| knobs.requests_per_minute = Some(0));
    let transcript = scene.run_piped(&[&END_JSON[..], &["--timeout", "10s"]].concat(), &leaked).await;
    assert_eq!((transcript.exit, &transcript.report()["error"]["type"]), (Some(1), &"RateLimited".into()));
    assert!(transcript.stderr.contains("revoke --client ID --admin SECRET"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_and_an_unknown_owner_do_not_prevent_the_revocation() {
    let scene = Scene::new().await;
    let leaked = scene.mint().await;
    scene.simulation.faults.add(Fault::once(REVOKE, Effect::LoseAnswer));
    assert_eq!(scene.run_piped(&END, &leaked).await.exit, Some(0));
    assert!(!scene.is_alive(&leaked));
    let leaked = scene.mint().await;
    scene.simulation.faults.add(Fault::always(OWNER, answer(403, "application/json", r#"{"code":"not.authorized"}"#)));
    let transcript = scene.run_piped(&END_JSON, &leaked).await;
    let report = transcript.report();
    assert_eq!((transcript.exit, &report["revoked"], &report["owner"]), (Some(0), &true.into(), &Value::Null));
    assert!(
        transcript.stderr.contains("warning: the platform did not tell whose token it is"),
        "{}",
        transcript.stderr
    );
    assert!(!scene.is_alive(&leaked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_not_seen_to_be_accepted_is_not_reported_as_revoked() {
    let scene = Scene::new().await;
    scene.simulation.faults.add(Fault::always(OWNER, answer(503, "application/json", "{}")));
    let (dead, alive) = (scene.mint().await, scene.mint().await);
    for token in [&dead, &dead, &alive] {
        let transcript = scene.run_piped(&END_JSON, token).await;
        let report = transcript.report();
        assert_eq!((transcript.exit, &report["revoked"]), (Some(1), &false.into()), "{}", transcript.stderr);
        assert_eq!(report["error"]["type"], "TokenRejected");
        assert!(transcript.stderr.contains("may belong to another region"), "{}", transcript.stderr);
        assert!(!scene.is_alive(token), "it is revoked all the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_must_be_one_token() {
    let scene = Scene::new().await;
    for input in ["", "\n", "Bearer hush-token", r#"{"access_token":"hush-token"}"#] {
        let transcript = scene.run_piped(&END, input).await;
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{input}");
        assert!(!transcript.stderr.contains("hush"), "{}", transcript.stderr);
    }
    assert_eq!(scene.simulation.journal.calls().len(), 0);
}

#[test]
fn wrong_usage_repeats_no_token() {
    const HUSH: &str = "hush_hush-token*0123456789";
    let dashed = format!("-{HUSH}");
    let joined = format!("--token={HUSH}");
    for arguments in [
        &["revoke"][..],
        &["revoke", HUSH],
        &["revoke", "--token", HUSH, "--region", "eu-west-1"],
        &["revoke", "--token", &dashed, "--region", "eu-west-1"],
        &["revoke", &joined, "--region", "eu-west-1"],
        &["revoke", "--token", "-", HUSH, "--region", "eu-west-1"],
        &["revoke", "--token", "-"],
        &["revoke", "--token", "-", "--region", "nowhere"],
        &["revoke", "--token", "-", "--region", "eu-west-1", "--secret", "a"],
        &["revoke", "--token", "-", "--region", "eu-west-1", "--enable"],
        &["revoke", "--client", HUSH, "--admin", "file:a", "--yes"],
        &["revoke", "--client", "../users", "--admin", "file:a", "--yes"],
        &["revoke", "--client", "id"],
        &["revoke", "--client", "id", "--admin", "file:a"],
        &["revoke", "--client", "id", "--admin", "file:a", "--token", "-"],
        &["revoke", "--client", "id", "--admin", "file:a", "--yes", "--region", "eu-west-1"],
    ] {
        let transcript = run(arguments);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (error, hint) = transcript.error();
        assert!(!error.is_empty() && !hint.is_empty(), "{arguments:?}");
        assert!(!transcript.stderr.contains("hush_hush"), "{}", transcript.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_a_region_is_named() {
    let scene = Scene::new().await;
    let mut damaged = document(CLIENT_SECRET);
    damaged["region"] = "nowhere".into();
    let path = write(scene.directory.path(), "damaged.json", &damaged.to_string());
    let typed = format!("file:{}", path.display());
    let leaked = scene.mint().await;
    let transcript = scene.run_piped(&["revoke", "--token", "-", "--secret", &typed], &leaked).await;
    assert_eq!((transcript.exit, scene.is_alive(&leaked)), (Some(1), true));
}
