//! An OpenBao server of a test's own, in development mode: in memory, unsealed, on loopback.

#![allow(dead_code, reason = "each of the test binaries uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the server takes for its root token.
pub const ROOT: &str = "hush-hush-root-token";

/// Ends the server when this process does, however it ends: its standard input is closed then.
const WATCHED: &str = r#""$@" & child=$!; exec >&-; cat >/dev/null; kill -9 $child; wait"#;

/// The server. It ends when this is dropped.
pub struct Bao {
    process: Child,
    /// Its address.
    pub url: String,
    client: Client,
    _home: TempDir,
}

impl Bao {
    /// `None`, and a line that says so, where OpenBao is not installed.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            skip();
            return None;
        };
        // Another process may take the port first.
        let started = (0..5).find_map(|_| Self::start_at(&program, free_port()));
        Some(started.expect("the server starts"))
    }

    fn start_at(program: &PathBuf, port: u16) -> Option<Self> {
        let home = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, "sh"]).arg(program).args(["server", "-dev", "-dev-no-store-token"]);
        command.args([
            format!("-dev-root-token-id={ROOT}"),
            format!("-dev-listen-address=127.0.0.1:{port}"),
            "-log-level=error".to_owned(),
        ]);
        command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("a shell");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let bao = Self { process, url: format!("http://127.0.0.1:{port}"), client: Client::new(), _home: home };
        lines.by_ref().map_while(Result::ok).find(|line| line.contains("server started!"))?;
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        Some(bao)
    }

    /// A call as root: the status, and the answer.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(method, path).body(body.to_string())).await
    }

    /// As [`Self::call`], in a namespace.
    pub async fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request(method, path).header("X-Vault-Namespace", namespace).body(body.to_string())).await
    }

    /// Writes something that must be taken.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Writes a KV secret of the usual mount, as text.
    pub async fn put(&self, path: &str, object: &str) {
        let request = self.request("POST", &format!("secret/data/{path}"));
        let (status, answer) = self.send(request.body(format!(r#"{{"data":{object}}}"#))).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The latest value of a KV secret of the usual mount; null where there is none.
    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", &format!("secret/data/{path}"), Value::Null).await.1["data"]["data"].clone()
    }

    /// A token with one policy, whose text this is.
    pub async fn token(&self, policy: &str) -> String {
        let name = format!("policy-{}", uuid::Uuid::new_v4());
        self.post(&format!("sys/policies/acl/{name}"), json!({ "policy": policy })).await;
        let answer = self.post("auth/token/create", json!({ "policies": [name] })).await;
        answer["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("{}/v1/{path}", self.url)).header("X-Vault-Token", ROOT)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default())
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

/// `make test` puts it beside the Python that it names.
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter that the server lies beside")]
fn program() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PYTHON")?);
    let bao = python.with_file_name("bao");
    bao.exists().then_some(bao)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[expect(clippy::disallowed_macros, reason = "whoever reads the test's output should know")]
fn skip() {
    println!("skipped: OpenBao is not installed; `make test` installs it");
}
