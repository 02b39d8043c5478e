//! `serve` and `exec --serve`: a local endpoint for the tokens of secrets.

mod child;
mod forms;
mod guarded;
mod histories;
mod long_job;
mod rotated;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use super::bao::{signal, until};
use super::{CLIENT_SECRET, Scene, Transcript};

/// A running endpoint.
struct Serving {
    child: Option<Child>,
    stdout: BufReader<ChildStdout>,
    url: String,
    client: (String, String),
    http: Client,
}

impl Serving {
    async fn begin(scene: &Scene, arguments: &[&str]) -> Self {
        Self::begin_with(scene, arguments, &[]).await
    }

    /// Starts it with further variables in its environment.
    async fn begin_with(scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let credentials = scene.directory.path().join("serve.json");
        let fixed = ["serve", "--output", "json", "--credentials", credentials.to_str().expect("UTF-8")];
        let mut command = scene.command(&[&fixed[..], arguments].concat());
        command.envs(variables.iter().copied());
        command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        let read = tokio::task::spawn_blocking(move || {
            stdout.read_line(&mut line).expect("the output is UTF-8");
            (stdout, line)
        });
        let (stdout, line) = read.await.expect("the task completes");
        let Ok(started) = serde_json::from_str::<Value>(&line) else {
            let mut stderr = String::new();
            child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("UTF-8");
            panic!("{line}{stderr}");
        };
        let text = std::fs::read_to_string(&credentials).expect("the credentials are written");
        let mode = std::fs::metadata(&credentials).expect("the file exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let client: Value = serde_json::from_str(&text).expect("JSON");
        let field = |name: &str| client[name].as_str().expect("a text").to_owned();
        Self {
            child: Some(child),
            stdout,
            url: started["url"].as_str().expect("a URL").to_owned(),
            client: (field("client_id"), field("client_secret")),
            http: Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client"),
        }
    }

    /// A request with the credentials of the endpoint.
    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url)).basic_auth(&self.client.0, Some(&self.client.1))
    }

    fn token_request(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url));
        let form = [("grant_type", "client_credentials")];
        request.basic_auth(&self.client.0, Some(&self.client.1)).form(&form)
    }

    /// Requests a token as the platform's clients do.
    async fn token(&self) -> Value {
        let answer = self.token_request("/oauth/token").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("JSON")
    }

    fn signal(&self, name: &str) {
        signal(self.child.as_ref().expect("it runs").id(), name);
    }

    /// Ends the endpoint, and returns its output since the first line.
    async fn end(mut self, name: &str) -> Transcript {
        self.signal(name);
        let child = self.child.take().expect("it runs");
        let mut rest = String::new();
        let done = tokio::task::spawn_blocking(move || {
            let done = child.wait_with_output().expect("it ends");
            self.stdout.read_to_string(&mut rest).expect("UTF-8");
            (done, rest)
        });
        let (done, stdout) = done.await.expect("the task completes");
        Transcript { stdout, stderr: String::from_utf8(done.stderr).expect("UTF-8"), exit: done.status.code() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A file secret that was rotated once.
async fn rotated(scene: &Scene, name: &str) -> (PathBuf, String) {
    let (path, typed) = scene.file(name);
    let done = scene.run(&["rotate", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    (path, typed)
}

fn stored(path: &std::path::Path) -> String {
    super::read(path)["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_get_the_stored_token_and_reach_the_api_with_it() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    let answer = serving.token().await;
    assert_eq!(
        (answer["access_token"].as_str(), &answer["token_type"]),
        (Some(stored(&path).as_str()), &"bearer".into())
    );
    assert!(answer["expires_in"].as_u64().is_some_and(|left| (86_000..86_400).contains(&left)), "{answer}");

    // With the token, and with the credentials of the endpoint.
    let url = format!("{}/api/v2/tokens/me", serving.url);
    let by_token = serving.http.get(&url).bearer_auth(stored(&path)).send().await.expect("an answer");
    assert_eq!(by_token.status(), StatusCode::OK);
    let by_client = serving.get("/api/v2/tokens/me?x=1").send().await.expect("an answer");
    assert_eq!(by_client.status(), StatusCode::OK);
    let owner: Value = by_client.json().await.expect("JSON");
    assert_eq!(owner["OAuthClient"]["id"], super::CLIENT_ID);

    // The platform's own errors pass through.
    let missing = serving.get("/api/v2/no/such/path").send().await.expect("an answer");
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let user: Value = serving.get("/api/v2/users/me").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(user["code"], "not.a.user");
    let health = serving.http.get(format!("{}/healthz", serving.url)).send().await.expect("an answer");
    assert_eq!(health.status(), StatusCode::OK);
    let ended = serving.end("TERM").await;
    assert_eq!((ended.exit, ended.stdout.as_str()), (Some(0), ""));
    for secret in [stored(&path).as_str(), CLIENT_SECRET] {
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_secrets_are_chosen_by_their_name() {
    let scene = Scene::new().await;
    let (one, first) = rotated(&scene, "one.json").await;
    let (two, second) = rotated(&scene, "two.json").await;
    let serving = Serving::begin(&scene, &[&first, &second]).await;
    let encoded = |typed: &str| typed.replace('/', "%2F").replace(':', "%3A");
    let mut tokens = Vec::new();
    for typed in [&first, &second] {
        let answer = serving.token_request(&format!("/secrets/{}/oauth/token", encoded(typed))).send().await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        tokens.push(answer["access_token"].as_str().expect("a token").to_owned());
    }
    assert_eq!(tokens, [stored(&one), stored(&two)]);
    // A token that was handed out for one secret opens no other.
    for (secret, token, expected) in [(&first, &tokens[0], 200), (&second, &tokens[0], 401), (&second, &tokens[1], 200)]
    {
        let url = format!("{}/secrets/{}/api/v2/tokens/me", serving.url, encoded(secret));
        let answer = serving.http.get(url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected);
    }
    for path in ["/oauth/token", "/secrets/other/oauth/token", "/secrets/oauth/token"] {
        let answer = serving.token_request(path).send().await.expect("an answer");
        assert!(matches!(answer.status().as_u16(), 400 | 404), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_valid_token_and_an_unusable_address_are_errors_at_the_start() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let credentials = scene.directory.path().join("serve.json").display().to_string();
    let serve = ["serve", "--credentials", &credentials];
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("an address").to_string();
    let long = scene.directory.path().join("x".repeat(120)).display().to_string();
    let file = path.display().to_string();
    let readable = super::write(scene.directory.path(), "readable.json", "{}").display().to_string();
    std::fs::set_permissions(&readable, std::fs::Permissions::from_mode(0o644)).expect("its mode can be set");
    for (arguments, exit, words) in [
        (&[typed.as_str(), "--listen", &taken][..], 1, "cannot be used"),
        (&[typed.as_str(), "--listen", "0.0.0.0:0"], 2, "loopback"),
        (&[typed.as_str(), "--socket", &long], 1, "at most 107 bytes"),
        (&[typed.as_str(), "--socket", &file], 1, "is no socket"),
        (&["file:/nonexistent.json"], 1, "/nonexistent.json"),
        (&[typed.as_str(), "--credentials", &readable], 2, "other users"),
        (&[typed.as_str(), &typed], 2, "named twice"),
    ] {
        let transcript =
            scene.run(&[&serve[..if arguments.contains(&"--credentials") { 1 } else { 3 }], arguments].concat()).await;
        assert_eq!(transcript.exit, Some(exit), "{arguments:?}: {}", transcript.stderr);
        assert!(transcript.error().0.contains(words), "{arguments:?}: {}", transcript.stderr);
    }
    let mut expired = super::read(&path);
    expired["expires_at"] = "2026-01-02T03:04:05Z".into();
    std::fs::write(&path, expired.to_string()).expect("the file is written");
    let transcript = scene.run(&[&serve[..], &[&typed]].concat()).await;
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.error().0.contains("has expired"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn running_requests_end_before_the_endpoint_does() {
    use simulators::faults::{Effect, Fault};
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    scene.simulation.faults.add(Fault::once("GET /api/v2/tokens/me", Effect::Delay(super::SECOND)));
    scene.simulation.journal.clear();
    let call = tokio::spawn(serving.get("/api/v2/tokens/me").send());
    until("the call arrives", async || !scene.simulation.journal.calls().is_empty()).await;
    let ended = serving.end("TERM").await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    assert_eq!(call.await.expect("the task completes").expect("an answer").status(), StatusCode::OK);
}
