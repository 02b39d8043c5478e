//! Retries of `api`, and responses that fail.

use std::io::Write;
use std::net::TcpListener;

use reqwest::StatusCode;
use serde_json::json;
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{CLIENTS, SKILLS, json_answer, made_client, once, rotated, sent};
use crate::{SECOND, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_request_of_any_method_is_retried() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let body = made_client().to_string();
    let busy = || {
        Effect::Answer(
            json_answer(429, json!({"code": "too.many.requests.retry.after"})).with_header("retry-after", "1"),
        )
    };
    once(&scene, &format!("POST {CLIENTS}"), busy());
    let made = sent(&scene, &["api", &typed, "POST", CLIENTS, "--body", "-"], body.as_bytes()).await;
    assert_eq!((made.exit, made.stderr.as_str()), (Some(0), ""));
    let calls = scene.simulation.journal.calls();
    let tries: Vec<_> = calls.iter().filter(|call| call.operation == format!("POST {CLIENTS}")).collect();
    assert_eq!(tries.len(), 2);
    assert!(tries[1].began.duration_since(tries[0].began) >= SECOND);
    scene.simulation.faults.add(Fault::always("*", busy()));
    let refused = scene.run(&["api", &typed, "GET", SKILLS, "--timeout", "2s"]).await;
    assert_eq!((refused.exit, &refused.json()[0]["code"]), (Some(1), &"too.many.requests.retry.after".into()));
    assert!(refused.error().0.contains("is rate-limited"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_idempotent_requests_are_retried_after_a_failure() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let page = |status| Effect::Answer(FaultAnswer::new(status, "text/html", "<html>busy</html>"));
    for effect in [Effect::Drop, Effect::LoseAnswer, page(StatusCode::BAD_GATEWAY)] {
        once(&scene, &format!("GET {SKILLS}"), effect.clone());
        let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{effect:?}");
        scene.simulation.journal.clear();
        once(&scene, &format!("POST {CLIENTS}"), effect.clone());
        let body = made_client().to_string();
        let transcript = sent(&scene, &["api", &typed, "POST", CLIENTS, "--body", "-"], body.as_bytes()).await;
        assert_eq!(transcript.exit, Some(1), "{effect:?}");
        let (error, hint) = transcript.error();
        assert!(error.contains("may have been executed") && hint.contains("before you repeat it"), "{error}");
        assert_eq!(scene.simulation.journal.count(&format!("POST {CLIENTS}")), 1, "{effect:?}");
    }
    let last = scene.run(&["api", &typed, "PATCH", SKILLS]).await;
    assert_eq!((last.exit, &last.json()[0]["code"]), (Some(1), &"method.not.allowed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_connection_is_not_reported_as_possibly_executed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port can be bound")
        .local_addr()
        .expect("the listener has an address");
    let mut command = scene.command(&["api", &typed, "POST", CLIENTS]);
    command.env("ROTATOR_API_URL", format!("http://{free}"));
    let transcript = scene.run_command(command).await;
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), ""));
    let error = transcript.error().0;
    assert!(error.contains("is unreachable") && !error.contains("executed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_response_is_a_failure() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let server = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let url = format!("http://{}", server.local_addr().expect("the listener has an address"));
    let server_thread = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("a connection");
        let mut request = [0; 4096];
        std::io::Read::read(&mut stream, &mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,").expect("the response can be written");
    });
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    command.env("ROTATOR_API_URL", &url);
    let transcript = scene.run_command(command).await;
    server_thread.join().expect("the server thread completes");
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), "[1,"), "{}", transcript.stderr);
    let (error, hint) = transcript.error();
    assert!(error.contains("was cut off") && hint.contains("incomplete"), "{error}: {hint}");
}
