//! `api`: calls of the platform with a secret's token.

mod pages;
mod retries;
mod temporary_token;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::{CLIENT_ID, Scene, Transcript, write};

const CLIENTS: &str = "/api/v2/oauth/clients";
const SKILLS: &str = "/api/v2/routing/skills";

/// Creates a rotated file secret. Returns its reference.
async fn rotated(scene: &Scene) -> String {
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["rotate", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    scene.simulation.journal.clear();
    typed
}

/// Runs a command with this text on standard input.
async fn sent(scene: &Scene, arguments: &[&str], body: &[u8]) -> Transcript {
    let mut command = scene.command(arguments);
    let body = body.to_vec();
    let done = tokio::task::spawn_blocking(move || {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary runs");
        // A command that rejects the body early does not read all of it.
        child.stdin.take().expect("the stream is piped").write_all(&body).ok();
        child.wait_with_output().expect("the process exits")
    });
    scene.without_log(Transcript::of(done.await.expect("the task completes")))
}

fn json_answer(status: u16, body: Value) -> FaultAnswer {
    FaultAnswer::new(StatusCode::from_u16(status).expect("a status"), "application/json", body.to_string())
}

fn once(scene: &Scene, operation: &str, effect: Effect) {
    scene.simulation.faults.add(Fault::once(operation, effect));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_response_is_printed_unchanged() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let whole = format!("{}/api/v2/tokens/me", scene.simulation.genesys_url());
    for (method, path) in [("get", "/api/v2/tokens/me"), ("GET", whole.as_str())] {
        let transcript = scene.run(&["api", &typed, method, path]).await;
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
        assert_eq!(transcript.json()[0]["OAuthClient"]["id"], CLIENT_ID);
    }
    let head = scene.run(&["api", &typed, "HEAD", "/api/v2/tokens/me", "--output", "json"]).await;
    assert_eq!((head.exit, head.stdout.as_str()), (Some(0), ""));
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 1, "no other token was issued");
}

/// A request for a new client, with a role of the caller.
fn made_client() -> Value {
    json!({
        "name": "made", "authorizedGrantType": "CLIENT-CREDENTIALS",
        "roleDivisions": [{"roleId": "3d8b6f1a-0000-4000-8000-00000000a001", "divisionId": "*"}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_sent_from_a_file_or_from_standard_input() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let body = made_client().to_string();
    let path = write(scene.directory.path(), "body.json", &body);
    let path = path.to_str().expect("a plain path");
    let made = scene.run(&["api", &typed, "POST", CLIENTS, "--body", path]).await;
    assert_eq!((made.exit, &made.json()[0]["name"]), (Some(0), &"made".into()), "{}", made.stderr);
    let id = made.json()[0]["id"].as_str().expect("an id").to_owned();
    let own = format!("{CLIENTS}/{id}");
    let changed = json!({"name": "changed", "authorizedGrantType": "CLIENT-CREDENTIALS", "state": "inactive"});
    let put = sent(&scene, &["api", &typed, "put", &own, "--body", "-"], changed.to_string().as_bytes()).await;
    assert_eq!((put.exit, &put.json()[0]["name"]), (Some(0), &"changed".into()), "{}", put.stderr);
    let deleted = scene.run(&["api", &typed, "DELETE", &own]).await;
    assert_eq!((deleted.exit, deleted.stdout.as_str()), (Some(0), ""), "{}", deleted.stderr);
    assert!(scene.simulation.genesys.clients().iter().all(|client| client.id != id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_response_is_printed_and_explained() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let mut client = scene.simulation.genesys.clients().remove(0);
    client.permissions = Some(Vec::new());
    scene.simulation.genesys.add_client(client);
    for format in ["text", "json"] {
        let transcript = scene.run(&["api", &typed, "GET", SKILLS, "--output", format]).await;
        assert_eq!((transcript.exit, &transcript.json()[0]["code"]), (Some(1), &"missing.permissions".into()));
        let (error, hint) = transcript.error();
        assert!(error.contains("routing:skill:view") && hint.contains("roles"), "{error}: {hint}");
    }
    scene.simulation.genesys.set(|knobs| knobs.ip_not_authorized = true);
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert!(transcript.error().1.contains("allow-list"), "{}", transcript.stderr);
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "no temporary token was issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    elsewhere.set_nonblocking(true).expect("the listener can be non-blocking");
    let address = elsewhere.local_addr().expect("the listener has an address");
    let away =
        FaultAnswer::new(StatusCode::FOUND, "text/html", "").with_header("location", &format!("http://{address}/"));
    once(&scene, &format!("GET {SKILLS}"), Effect::Answer(away));
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert!(transcript.error().0.contains("redirect"), "{}", transcript.stderr);
    assert!(elsewhere.accept().is_err(), "another host was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_response_is_streamed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let large = 64 << 20;
    let answer = FaultAnswer::new(StatusCode::OK, "application/json", "x".repeat(large));
    scene.simulation.faults.add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(answer)));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::null());
    let counted = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = child.stdout.take().expect("the stream is piped");
        let mut first = vec![0; large / 2];
        std::io::Read::read_exact(&mut stdout, &mut first).expect("the first half arrives");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process runs");
        let rest = std::io::copy(&mut stdout, &mut std::io::sink()).expect("the second half arrives");
        (child.wait().expect("the process exits").code(), first.len() as u64 + rest, status)
    });
    let (exit, size, status) = counted.await.expect("the task completes");
    assert_eq!((exit, size), (Some(0), large as u64));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux reports VmHWM");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 48 << 10, "peak memory: {kilobytes} kB");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_paths_methods_and_bodies_are_wrong_usage() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let not_json = write(scene.directory.path(), "not.json", "{\"hush-hush\": tru}");
    let not_json = not_json.to_str().expect("a plain path");
    let large = write(scene.directory.path(), "large.json", &format!("\"{}\"", "x".repeat(10 << 20)));
    let large = large.to_str().expect("a plain path");
    let rows: [(&[&str], &str); 16] = [
        (&["GET", "api/v2/users/me"], "neither a path nor a URL"),
        (&["GET", ""], "is empty"),
        (&["GET", "/oauth/token"], "not a plain path"),
        (&["GET", "//evil.example/api/v2"], "not a plain path"),
        (&["GET", "/api/v2/../../oauth/token"], "not a plain path"),
        (&["GET", "https://evil.example/api/v2/users/me"], "outside this API"),
        (&["GET", "https://api.mypurecloud.de/api/v2/users/me"], "outside this API"),
        (&["TRACE", SKILLS], "'TRACE'"),
        (&["GET /api", SKILLS], "'GET /api'"),
        (&["POST", SKILLS, "--paginate"], "--paginate follows links by GET"),
        (&["GET", SKILLS, "--body", "-"], "has no body"),
        (&["POST", SKILLS, "--body", not_json], "is invalid JSON at line 1, column 18"),
        (&["POST", SKILLS, "--body", "/dev/null"], "is invalid JSON"),
        (&["POST", SKILLS, "--body", large], "larger than"),
        (&["POST", SKILLS, "--body", "/no/such/file"], "cannot be read"),
        (&["GET", SKILLS, "--max-pages", "0"], "--max-pages"),
    ];
    for (arguments, words) in rows {
        let transcript = scene.run(&[&["api", &typed], arguments].concat()).await;
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (error, hint) = transcript.error();
        assert!(error.contains(words) && !hint.is_empty(), "{arguments:?}: {error}");
        assert!(!transcript.stderr.contains("hush-hush"), "the body is not quoted");
    }
    assert!(scene.simulation.journal.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_token_is_an_error() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), ""));
    let (error, hint) = transcript.error();
    assert!(error.contains("holds no token yet") && hint.contains("rotate"), "{error}: {hint}");
    let transcript = scene.run(&["api", "file:/no/such/file", "GET", SKILLS]).await;
    assert!(transcript.error().0.starts_with("file:/no/such/file: "), "{}", transcript.stderr);
}
