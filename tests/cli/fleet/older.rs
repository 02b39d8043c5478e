//! Tokens of earlier rotations, which `--revoke-previous` cannot end.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{Scene, numbers};
use crate::CLIENT_ID;

const REVOKE: [&str; 8] =
    ["rotate", "--local", "prod/a", "--revoke-previous", "--yes", "--output", "json", "--timeout=1m"];

impl Scene {
    /// Rotates a new secret, and returns its tokens.
    async fn rotated(&self, times: usize) -> Vec<String> {
        self.stored("prod/a").await;
        let mut tokens = Vec::new();
        for _ in 0..times {
            assert_eq!(self.run(&["rotate", "--local", "prod/a"]).await.exit, Some(0));
            tokens.push(self.token_of("prod/a"));
        }
        tokens
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_older_than_the_previous_version_are_counted_and_named_with_the_command_that_ends_them() {
    let scene = Scene::new().await;
    let tokens = scene.rotated(3).await;
    let transcript = scene.run(&REVOKE).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(scene.is_alive(&tokens[0]) && !scene.is_alive(&tokens[1]) && !scene.is_alive(&tokens[2]));
    let older = &transcript.json()[0]["revocation"]["older"];
    assert_eq!(older["at_most"], 2, "the first version held no token, which its absent label does not tell");
    let (until, newest) = (older["until"].as_str().expect("a time"), scene.current("prod/a")["expires_at"].clone());
    assert!(newest.as_str().is_some_and(|newest| until <= newest && until[..4] == newest[..4]), "{until} {newest}");
    let command = format!("genesys-rotator revoke --client {CLIENT_ID} --admin SECRET");
    assert!(
        transcript.stderr.contains("at most 2 tokens of earlier rotations may be valid until"),
        "{}",
        transcript.stderr
    );
    assert!(transcript.stderr.contains(&command), "{}", transcript.stderr);
    let all = ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--revoke-previous", "--output", "json"];
    let transcript = scene.run(&[&all[..], &["--older-than", "1h"]].concat()).await;
    assert_eq!(transcript.summary(), numbers(&[("skipped", 1), ("revoked", 1), ("older", 1)]), "{}", transcript.stderr);
    let admin = scene.admin(|_| {});
    let ended = scene.run(&["revoke", "--client", CLIENT_ID, "--admin", &admin, "--yes"]).await;
    assert_eq!((ended.exit, scene.is_alive(&tokens[0])), (Some(0), false), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_older_tokens_are_named_if_there_are_none() {
    for rotations in [0, 1] {
        let scene = Scene::new().await;
        scene.rotated(rotations).await;
        let transcript = scene.run(&REVOKE).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
        assert_eq!(transcript.json()[0]["revocation"].get("older"), None);
        assert!(!transcript.stderr.contains("earlier rotations"), "{}", transcript.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_of_older_tokens_is_named_where_the_store_does_not_tell() {
    let scene = Scene::new().await;
    scene.rotated(2).await;
    let body = json!({"__type": "AccessDeniedException", "message": "not authorized to perform: secretsmanager:ListSecretVersionIds"});
    let denied = FaultAnswer::new(reqwest::StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body.to_string());
    scene.simulation.faults.add(Fault::always("ListSecretVersionIds", Effect::Answer(denied)));
    let transcript = scene.run(&REVOKE).await;
    assert_eq!((transcript.exit, &transcript.json()[0]["revocation"]["older"]["at_most"]), (Some(0), &Value::Null));
    assert!(transcript.stderr.contains("an unknown number of tokens of earlier rotations"), "{}", transcript.stderr);
    let (_, typed) = scene.file("token.json");
    for is_named in [false, true] {
        let transcript = scene.run(&["rotate", &typed, "--revoke-previous", "--yes"]).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
        assert_eq!(transcript.stderr.contains("an unknown number of tokens"), is_named, "{}", transcript.stderr);
    }
}
