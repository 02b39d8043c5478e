//! Transcripts of the command line: the real binary, its two streams and its exit code.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genesys_rotator::sim::faults::{Answer, Effect, Fault, Faults};
use genesys_rotator::sim::http::{Reply, Request, Server, Service, empty, json};
use genesys_rotator::sim::journal::Journal;
use hyper::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_genesys-rotator");
const CLIENT_SECRET: &str = "the-client-secret-that-nobody-may-see";

/// What a command left behind.
struct Transcript {
    stdout: String,
    stderr: String,
    exit: Option<i32>,
}

impl Transcript {
    /// The lines of stdout as JSON.
    fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The error's two lines, without their names.
    fn error(&self) -> (&str, &str) {
        let lines: Vec<_> = self.stderr.lines().filter(|line| !line.contains("  ")).collect();
        let [error, hint] = lines[..] else { panic!("not two lines: {}", self.stderr) };
        let error = error.strip_prefix("error: ").expect("the first line is the error");
        (error, hint.strip_prefix("hint: ").expect("the second line is the hint"))
    }
}

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Transcript {
    let done = command(arguments, environment).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Transcript { stdout: text(done.stdout), stderr: text(done.stderr), exit: done.status.code() }
}

fn run(arguments: &[&str]) -> Transcript {
    run_with(arguments, &[])
}

/// The platform, as far as a rotation goes.
struct Platform {
    minted: AtomicUsize,
    seconds: u64,
}

impl Service for Platform {
    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method, request.path)
    }

    async fn answer(&self, request: Request) -> Reply {
        match self.operation(&request).as_str() {
            "POST /oauth/token" => {
                let token = format!("token-that-nobody-may-see-{}", self.minted.fetch_add(1, Ordering::Relaxed));
                let body = json!({"access_token": token, "token_type": "bearer", "expires_in": self.seconds});
                json(StatusCode::OK, &body)
            }
            "GET /api/v2/users/me" => json(StatusCode::BAD_REQUEST, &json!({"code": "not.a.user"})),
            "GET /api/v2/tokens/me" => json(StatusCode::OK, &json!({"OAuthClient": {"id": "client"}})),
            "DELETE /api/v2/tokens/me" => empty(StatusCode::NO_CONTENT),
            _ => json(StatusCode::NOT_FOUND, &json!({"code": "not.found"})),
        }
    }
}

/// A simulated platform, and a directory for secrets.
struct Scene {
    server: Server,
    faults: Faults,
    directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let faults = Faults::default();
        let platform = Arc::new(Platform { minted: AtomicUsize::new(0), seconds: 86_399 });
        let server = Server::start(0, platform, faults.clone(), Journal::default()).await.expect("a port is free");
        Self { server, faults, directory: TempDir::new().expect("a directory can be made") }
    }

    fn secret(&self, name: &str) -> (PathBuf, String) {
        let document = json!({"region": "eu-west-1", "client_id": "client", "client_secret": CLIENT_SECRET, "ours": 1});
        let path = write(self.directory.path(), name, &document.to_string());
        let typed = format!("file:{}", path.display());
        (path, typed)
    }

    async fn run(&self, arguments: &[&str]) -> Transcript {
        let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let url = self.server.url();
        let run = move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let environment =
                [("ROTATOR_LOGIN_URL", url.as_str()), ("ROTATOR_API_URL", url.as_str()), ("ROTATOR_LOG", "trace")];
            run_with(&arguments, &environment)
        };
        let mut transcript = tokio::task::spawn_blocking(run).await.expect("the command runs");
        for text in [&transcript.stdout, &transcript.stderr] {
            assert!(!text.contains("nobody-may-see"), "a secret was printed: {text}");
        }
        // The log is there for that assertion alone.
        let is_log = |line: &&str| line.starts_with("20") && line.contains("Z ");
        transcript.stderr =
            transcript.stderr.lines().filter(|line| !is_log(line)).fold(String::new(), |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            });
        transcript
    }
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).expect("the file can be written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode can be set");
    path
}

fn stored(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("the file is there")).expect("it holds JSON")
}

#[test]
fn help_is_a_result_and_names_every_command() {
    let help = run(&["--help"]);
    assert_eq!((help.exit, help.stderr.as_str()), (Some(0), ""));
    for command in ["demo", "rotate", "status", "check", "sim", "completions", "--output"] {
        assert!(help.stdout.contains(command), "{command}: {}", help.stdout);
    }
    assert_eq!(run(&["--version"]).stdout, concat!("genesys-rotator ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_is_two_lines_and_exit_2() {
    let wrong: [&[&str]; 11] = [
        &[],
        &["no-such-command"],
        &["rotate"],
        &["rotate", "a", "--no-such-flag"],
        &["rotate", "a", "--timeout", "soon"],
        &["rotate", "a", "--output", "xml"],
        &["rotate", "vault:secret/genesys"],
        &["rotate", "gcp:genesys", "file:a"],
        &["status", "file:"],
        &["check", "arn:aws:s3:::bucket"],
        &["sim", "--client", "no-secret"],
    ];
    for arguments in wrong {
        let transcript = run(arguments);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (error, hint) = transcript.error();
        assert!(!error.is_empty() && !hint.is_empty(), "{arguments:?}");
    }
    assert!(run(&["rotate", "vault:secret/genesys"]).error().0.contains("no Vault store yet"));
}

#[test]
fn settings_that_would_send_credentials_elsewhere_are_wrong_usage() {
    let transcript = run_with(&["rotate", "file:a"], &[("ROTATOR_LOGIN_URL", "http://elsewhere.example")]);
    assert_eq!(transcript.exit, Some(2));
    assert!(transcript.error().0.contains("ROTATOR_LOGIN_URL"), "{}", transcript.stderr);
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let transcript = run(&["completions", shell]);
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(transcript.stdout.contains("genesys-rotator") && transcript.stdout.contains("rotate"), "{shell}");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_hears_nothing() {
    let mut child = command(&["completions", "bash"], &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), done.stderr.len()), (Some(0), 0), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_secret_that_is_not_there_fails_by_every_command() {
    for command in ["rotate", "check", "status"] {
        let transcript = run(&[command, "file:/no/such/file", "--output", "json"]);
        assert_eq!(transcript.exit, Some(1), "{command}");
        assert_eq!(transcript.json()[0]["error"]["type"], "SecretNotFound", "{command}");
        assert!(transcript.error().0.starts_with("file:/no/such/file: "), "{}", transcript.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_rotated_and_explained() {
    let scene = Scene::new().await;
    let (path, typed) = scene.secret("token.json");
    let transcript = scene.run(&["rotate", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        assert!(transcript.stdout.contains(&format!("ok   {step}")), "{}", transcript.stdout);
        assert!(transcript.stderr.contains(&format!("{typed}  {step}\n")), "{}", transcript.stderr);
    }
    assert!(transcript.stdout.contains("promoted version") && transcript.stdout.contains("(in 23 h 59 min)"));
    let document = stored(&path);
    assert_eq!((&document["access_token"], &document["ours"]), (&"token-that-nobody-may-see-0".into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_secret_is_one_line_of_json() {
    let scene = Scene::new().await;
    let ((path, first), (_, second)) = (scene.secret("a.json"), scene.secret("b.json"));
    let transcript = scene.run(&["rotate", &first, "file:/no/such/file", &second, "--output", "json"]).await;
    assert_eq!(transcript.exit, Some(1), "one of the three failed");
    let mut reports = transcript.json();
    reports.sort_by_key(|report| report["secret"] != first.as_str());
    assert_eq!(reports.len(), 3);
    let report = reports.remove(0);
    let names: Vec<_> = report.as_object().expect("it is an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["secret", "version_id", "promoted", "expires_at", "steps", "error"]);
    assert_eq!((&report["promoted"], &report["error"]), (&true.into(), &Value::Null));
    assert_eq!(report["expires_at"], stored(&path)["expires_at"]);
    assert_eq!(reports.iter().filter(|report| report["promoted"] == true).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_not_promoted() {
    let scene = Scene::new().await;
    let (path, typed) = scene.secret("token.json");
    let refusal = Answer::new(StatusCode::UNAUTHORIZED, "application/json", r#"{"code":"bad.credentials"}"#);
    scene.faults.add(Fault::always("GET /api/v2/users/me", Effect::Answer(refusal)));
    let transcript = scene.run(&["rotate", &typed, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["promoted"], &report["expires_at"]), (Some(1), &false.into(), &Value::Null));
    assert_eq!(report["error"]["type"], "TokenRejected");
    assert_eq!(report["steps"][2]["step"], "testSecret");
    assert_eq!(report["steps"][2]["outcome"], "failed");
    assert!(transcript.error().0.starts_with(&format!("{typed}: testSecret failed: ")), "{}", transcript.stderr);
    assert_eq!(stored(&path).get("access_token"), None, "readers keep what they had");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_what_it_tried_and_stores_nothing() {
    let scene = Scene::new().await;
    let (path, typed) = scene.secret("token.json");
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    assert!(transcript.stdout.ends_with("ready to rotate; nothing was stored\n"), "{}", transcript.stdout);
    assert_eq!(stored(&path).get("access_token"), None);
    let refusal = Answer::new(StatusCode::BAD_REQUEST, "application/json", r#"{"error":"invalid_client"}"#);
    scene.faults.add(Fault::always("POST /oauth/token", Effect::Answer(refusal)));
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.stdout.contains("FAIL exchange the client credentials"), "{}", transcript.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_the_token_after_its_rotation() {
    let scene = Scene::new().await;
    let (path, typed) = scene.secret("token.json");
    let before = scene.run(&["status", &typed]).await;
    assert_eq!(before.exit, Some(0));
    assert!(before.stdout.contains("no token yet"), "{}", before.stdout);
    scene.run(&["rotate", &typed]).await;
    let after = scene.run(&["status", &typed, "--output", "json"]).await;
    let status = &after.json()[0];
    assert_eq!((after.exit, &status["token"], &status["error"]), (Some(0), &"stored".into(), &Value::Null));
    assert_eq!(status["expires_at"], stored(&path)["expires_at"]);
    let labels: Vec<_> =
        status["versions"].as_array().expect("a list").iter().map(|entry| &entry["labels"][0]).collect();
    assert_eq!(labels, ["AWSCURRENT", "AWSPREVIOUS"]);
}
