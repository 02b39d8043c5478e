//! Rotations, expiry and store failures while the endpoint runs.

use std::fs;

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::StatusCode;
use serde_json::Value;
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{Serving, rotated, stored};
use crate::bao::until;
use crate::{SECOND, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_replaced_and_the_request_repeated() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--refresh", "1h"]).await;
    let first = serving.token().await["access_token"].clone();
    for round in 0..3 {
        // The rotation ends the token that the endpoint holds, and that the caller still has.
        let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
        assert_eq!(done.exit, Some(0), "{}", done.stderr);
        let request = serving.http.post(format!("{}/api/v2/analytics/conversations/details/query", serving.url));
        let with_body =
            request.bearer_auth(first.as_str().expect("a token")).body("{}").send().await.expect("an answer");
        assert_ne!(with_body.status(), StatusCode::UNAUTHORIZED, "round {round}");
        let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
        assert_eq!(done.exit, Some(0), "{}", done.stderr);
        // A body of unknown length.
        let parts = futures_util::stream::iter(
            ["{", "}"].map(|part| Ok::<_, std::io::Error>(Frame::<Bytes>::data(part.into()))),
        );
        let request = serving.http.post(format!("{}/api/v2/analytics/conversations/details/query", serving.url));
        let request =
            request.bearer_auth(first.as_str().expect("a token")).body(reqwest::Body::wrap(StreamBody::new(parts)));
        let answer = request.send().await.expect("an answer");
        assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "round {round}");
        let call = serving.http.get(format!("{}/api/v2/tokens/me", serving.url));
        let answer = call.bearer_auth(first.as_str().expect("a token")).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "round {round}");
        assert_eq!(serving.token().await["access_token"].as_str(), Some(stored(&path).as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_without_another_token_passes_through() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    scene.simulation.genesys.revoke_all();
    let answer = serving.get("/api/v2/tokens/me").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["code"], "bad.credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_platform_rejects_is_not_handed_out() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--wait", "1s", "--refresh", "1h"]).await;
    let health =
        async || serving.http.get(format!("{}/healthz", serving.url)).send().await.expect("an answer").status();
    scene.simulation.genesys.revoke_all();
    assert_eq!(serving.get("/api/v2/tokens/me").send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(health().await, StatusCode::SERVICE_UNAVAILABLE);
    let refused = serving.token_request("/oauth/token").send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = refused.json().await.expect("JSON");
    assert!(body["description"].as_str().is_some_and(|text| text.contains("the platform rejects the token")), "{body}");

    let done = scene.run(&["rotate", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    assert_eq!(serving.token().await["access_token"].as_str(), Some(stored(&path).as_str()));
    assert_eq!(health().await, StatusCode::OK);
    let ended = serving.end("TERM").await;
    assert!(ended.stderr.contains("no valid token") && ended.stderr.contains("recovered"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_give_up_do_not_keep_others_from_the_new_token() {
    let scene = Scene::new().await;
    scene.rotating("genesys/prod").await;
    let serving = Serving::begin(&scene, &["genesys/prod", "--refresh", "1h"]).await;
    let token = serving.token().await["access_token"].as_str().expect("a token").to_owned();
    let done = scene.run(&["rotate", "--yes", "--revoke-previous", "genesys/prod"]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.simulation.faults.add(Fault::always("GetSecretValue", Effect::Delay(SECOND * 2)));
    let call = || serving.http.get(format!("{}/api/v2/tokens/me", serving.url)).bearer_auth(&token);
    let impatient = (0..4).map(|_| async { assert!(call().timeout(SECOND / 2).send().await.is_err()) });
    futures_util::future::join_all(impatient).await;
    // They wait for the same read, or for the next one.
    let patient = (0..4).map(|_| call().send());
    for answer in futures_util::future::join_all(patient).await {
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_cause_at_most_four_reads_of_the_store_a_second() {
    let scene = Scene::new().await;
    scene.rotating("genesys/prod").await;
    let serving = Serving::begin(&scene, &["genesys/prod", "--wait", "3s", "--refresh", "1h"]).await;
    let token = serving.token().await["access_token"].as_str().expect("a token").to_owned();
    scene.simulation.genesys.revoke_all();
    scene.simulation.journal.clear();
    let began = std::time::Instant::now();
    let calls = async {
        let call = || serving.http.get(format!("{}/api/v2/tokens/me", serving.url)).bearer_auth(&token).send();
        for _ in 0..3 {
            let answers = futures_util::future::join_all((0..20).map(|_| call())).await;
            assert!(answers.into_iter().all(|answer| answer.expect("an answer").status() == StatusCode::UNAUTHORIZED));
        }
    };
    let logins = async {
        let answers =
            futures_util::future::join_all((0..20).map(|_| serving.token_request("/oauth/token").send())).await;
        assert!(answers.into_iter().all(|answer| answer.is_ok()));
    };
    tokio::join!(calls, logins);
    let reads = scene.simulation.journal.count("GetSecretValue") as u64;
    assert!((1..=began.elapsed().as_secs() * 4 + 6).contains(&reads), "{reads} reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_of_one_path_does_not_condemn_a_token_that_the_platform_accepts() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--wait", "1s", "--refresh", "1h"]).await;
    let refusal = FaultAnswer::new(StatusCode::UNAUTHORIZED, "application/json", "{}");
    scene.simulation.faults.add(Fault::always("GET /api/v2/users/search", Effect::Answer(refusal)));
    for _ in 0..3 {
        let call = serving.get("/api/v2/users/search").send().await.expect("an answer");
        assert_eq!(call.status(), StatusCode::UNAUTHORIZED);
        let health = serving.http.get(format!("{}/healthz", serving.url)).send().await.expect("an answer");
        assert_eq!(health.status(), StatusCode::OK);
        assert_eq!(serving.token().await["access_token"].as_str(), Some(stored(&path).as_str()));
    }
    let ended = serving.end("TERM").await;
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_asks_after_a_rotation_gets_the_new_token() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--refresh", "1h"]).await;
    let first = stored(&path);
    assert_eq!(serving.token().await["access_token"].as_str(), Some(first.as_str()));
    // The caller sees the rejection, and this endpoint does not: its API address is the platform's.
    let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    assert_eq!(serving.token().await["access_token"].as_str(), Some(stored(&path).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_read_does_not_replace_a_better_token() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let old = fs::read(&path).expect("the file exists");
    let mut expired = crate::read(&path);
    expired["expires_at"] = "2026-01-02T03:04:05Z".into();
    let serving = Serving::begin(&scene, &[&typed, "--refresh", "1s"]).await;
    let first = serving.token().await["access_token"].clone();
    let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    // The platform's rejection of the first token leads to the second one.
    let call = serving.http.get(format!("{}/api/v2/tokens/me", serving.url));
    let call = async || call.try_clone().expect("no body").bearer_auth(first.as_str().expect("a token")).send().await;
    assert_eq!(call().await.expect("an answer").status(), StatusCode::OK);
    let second = stored(&path);
    for stale in [old, expired.to_string().into_bytes()] {
        fs::write(&path, stale).expect("the file is written");
        let before = scene.simulation.journal.calls().len();
        // A request for a token reads the secret.
        assert_eq!(serving.token().await["access_token"].as_str(), Some(second.as_str()));
        assert_eq!(call().await.expect("an answer").status(), StatusCode::OK);
        assert_eq!(scene.simulation.journal.calls().len(), before + 1, "the call was not repeated");
    }
    let ended = serving.end("TERM").await;
    assert!(ended.stderr.contains("now holds a token that has expired"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_token_is_served_while_the_store_is_away() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--refresh", "1s", "--metrics"]).await;
    let hidden = path.with_extension("hidden");
    let token = stored(&path);
    fs::rename(&path, &hidden).expect("the file is moved");
    serving.signal("HUP");
    let fails = async || {
        let metrics = serving.get("/metrics").send().await.expect("an answer").text().await.expect("text");
        metrics.lines().any(|line| line.starts_with("genesys_serve_store_failing{") && line.ends_with(" 1"))
    };
    until("a read fails", fails).await;
    assert_eq!(serving.token().await["access_token"].as_str(), Some(token.as_str()));
    assert_eq!(serving.get("/api/v2/tokens/me").send().await.expect("an answer").status(), StatusCode::OK);
    fs::rename(&hidden, &path).expect("the file is moved");
    let done = scene.run(&["rotate", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    let renewed = async || serving.token().await["access_token"].as_str() == Some(stored(&path).as_str());
    until("the secret is read again", renewed).await;
    let ended = serving.end("TERM").await;
    assert!(
        ended.stderr.contains("warning: ") && ended.stderr.contains("the last token is served"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("recovered"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_another_token_and_get_an_error_in_time() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--wait", "1s"]).await;
    let patient = Serving::begin(&scene, &[&typed, "--wait", "2m"]).await;
    let mut expired = crate::read(&path);
    expired["expires_at"] = "2026-01-02T03:04:05Z".into();
    fs::write(&path, expired.to_string()).expect("the file is written");
    serving.signal("HUP");
    patient.signal("HUP");
    for endpoint in [&serving, &patient] {
        let has_expired = async || {
            let health = endpoint.http.get(format!("{}/healthz", endpoint.url)).send().await.expect("an answer");
            health.status() == StatusCode::SERVICE_UNAVAILABLE
        };
        until("the token has expired", has_expired).await;
    }
    let answer = serving.get("/api/v2/tokens/me").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!((&body["code"], &body["status"]), (&"service.unavailable".into(), &503.into()));
    assert!(
        body["message"].as_str().is_some_and(|text| text.contains("has expired") && text.contains("rotate")),
        "{body}"
    );
    let refused = serving.token_request("/oauth/token").send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    let waiting = tokio::spawn(patient.get("/api/v2/tokens/me").send());
    let done = scene.run(&["rotate", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    let answer = waiting.await.expect("the task completes").expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(patient.token().await["access_token"].as_str(), Some(stored(&path).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    scene.simulation.faults.add(Fault::always("GET /api/v2/tokens/me", Effect::Delay(SECOND / 100)));
    // More than one body that is kept for a repetition.
    let large = "x".repeat(1_000_000);
    let post = serving.http.post(format!("{}/api/v2/no/such/path", serving.url));
    let answer =
        post.basic_auth(&serving.client.0, Some(&serving.client.1)).body(large).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let calls = (0..50).map(|_| serving.get("/api/v2/tokens/me").send());
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }
}
