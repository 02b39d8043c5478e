//! Random histories of a secret while its endpoint runs: rotations, revocations, stale and missing documents.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::StatusCode;

use super::{Serving, rotated, stored};
use crate::Scene;
use crate::bao::until;

/// What happens to the secret.
#[derive(Clone, Copy, Debug)]
enum Event {
    Rotation,
    /// A rotation that ends the previous token.
    RevokingRotation,
    /// All tokens end.
    Revocation,
    /// The store answers with an earlier document.
    StaleDocument(prop::sample::Index),
    /// The document's expiry has passed.
    ExpiredDocument,
    NoDocument,
    HangUp,
    /// Only calls, with a token from any time.
    Nothing,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => Just(Event::Rotation),
        3 => Just(Event::RevokingRotation),
        1 => Just(Event::Revocation),
        3 => any::<prop::sample::Index>().prop_map(Event::StaleDocument),
        1 => Just(Event::ExpiredDocument),
        1 => Just(Event::NoDocument),
        2 => Just(Event::HangUp),
        2 => Just(Event::Nothing),
    ];
    vec(event, 3..12)
}

/// Whenever the store holds a live token, callers get it, and their calls succeed, whichever token they hold. Otherwise they
/// get no dead token that the endpoint knows to be dead.
async fn survives(history: &[Event]) {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--wait", "1s", "--refresh", "1h"]).await;
    let mut documents = vec![fs::read_to_string(&path).expect("the file exists")];
    let write = |text: &str| drop(crate::write(scene.directory.path(), "token.json", text));
    let caller = serving.token().await["access_token"].as_str().expect("a token").to_owned();
    for (position, event) in history.iter().enumerate() {
        let newest = documents.last().expect("one");
        match event {
            Event::Rotation | Event::RevokingRotation => {
                write(newest);
                let revoking = ["--yes", "--revoke-previous"];
                let options = if matches!(event, Event::Rotation) { &[][..] } else { &revoking };
                let done = scene.run(&[&["rotate", &typed], options].concat()).await;
                assert_eq!(done.exit, Some(0), "{}", done.stderr);
                documents.push(fs::read_to_string(&path).expect("the file exists"));
            }
            Event::Revocation => scene.simulation.genesys.revoke_all(),
            Event::StaleDocument(index) => write(index.get::<String>(&documents)),
            Event::ExpiredDocument => {
                let mut document: serde_json::Value = serde_json::from_str(newest).expect("JSON");
                document["expires_at"] = "2026-01-02T03:04:05Z".into();
                write(&document.to_string());
            }
            Event::NoDocument => fs::remove_file(&path).unwrap_or_default(),
            Event::HangUp => serving.signal("HUP"),
            Event::Nothing => {}
        }
        let place = format!("after {position} of {history:?}");
        let is_live = path.exists()
            && crate::read(&path)["expires_at"] != "2026-01-02T03:04:05Z"
            && scene.is_alive(&stored(&path));
        let call = serving.http.get(format!("{}/api/v2/tokens/me", serving.url)).bearer_auth(&caller);
        let status = call.send().await.expect("an answer").status();
        if is_live {
            assert_eq!(status, StatusCode::OK, "{place}");
            let is_current = async || serving.token().await["access_token"] == stored(&path);
            until(&format!("the stored token is handed out, {place}"), is_current).await;
        } else if status == StatusCode::UNAUTHORIZED {
            let refused = serving.token_request("/oauth/token").send().await.expect("an answer");
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{place}");
        }
    }
}

#[test]
fn callers_survive_every_history_that_leaves_them_a_live_token() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases: 3, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&events(), |history| {
        runtime.block_on(survives(&history));
        Ok(())
    });
    ran.expect("no history fails");
}
