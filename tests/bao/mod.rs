//! OpenBao servers of a test's own, on loopback: in development mode, or with raft storage, alone or in a cluster.

#![allow(dead_code, unused_imports, reason = "each of the test binaries uses a part of it")]

mod catalog;
mod raft;
mod server;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::catalog::Plugin;
pub use self::raft::Cluster;
use self::server::Server;
pub use self::server::{free_port, program, signal};

/// What a server in development mode takes for its root token.
pub const ROOT: &str = "hush-hush-root-token";
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server. It ends when this is dropped.
pub struct Bao {
    /// Its process.
    pub server: Server,
    /// Its address.
    pub url: String,
    /// A token that may do anything.
    pub root: String,
    unseal_key: String,
    client: Client,
}

impl Bao {
    /// In memory, unsealed, with KV at `secret/`; `None`, and a line that says so, where OpenBao is not installed.
    pub fn start() -> Option<Self> {
        Self::develop("error", |_| String::new())
    }

    /// The same with an engine in its catalog, and with all that it can log.
    pub async fn with(plugin: &Plugin) -> Option<Self> {
        let bao = Self::develop("trace", |home| plugin.install(home))?;
        plugin.register(&bao).await;
        Some(bao)
    }

    /// In development mode with an engine's binary in the directory that its configuration names, and nothing in its
    /// catalog but what the configuration says. The server hands its environment, which is the engine's, on to it.
    pub fn configured(plugin: &Plugin, config: impl Fn(&Path) -> String) -> Option<Self> {
        Self::develop_in(&plugin.environment, "trace", |home| {
            plugin.install(home);
            config(&home.path().join("plugins"))
        })
    }

    fn develop(log_level: &str, config: impl Fn(&TempDir) -> String) -> Option<Self> {
        Self::develop_in(&[], log_level, config)
    }

    fn develop_in(environment: &[String], log_level: &str, config: impl Fn(&TempDir) -> String) -> Option<Self> {
        let mode = ["-dev", "-dev-no-store-token"].map(str::to_owned);
        Self::start_with(environment, |home, port| {
            let file = home.path().join("config.hcl");
            std::fs::write(&file, config(home)).expect("a file");
            let settings = [
                format!("-dev-root-token-id={ROOT}"),
                format!("-dev-listen-address=127.0.0.1:{port}"),
                format!("-log-level={log_level}"),
                format!("-config={}", file.display()),
            ];
            mode.iter().cloned().chain(settings).collect()
        })
    }

    /// Starts a server with the arguments that a home and a port of its own lead to.
    fn start_with(environment: &[String], arguments: impl Fn(&TempDir, u16) -> Vec<String>) -> Option<Self> {
        let Some(program) = program() else {
            skip();
            return None;
        };
        // Another process may take the port first.
        let started = (0..5).find_map(|_| {
            let home = tempfile::Builder::new().prefix("bao").tempdir_in("/tmp").expect("a directory");
            let port = free_port();
            let server = Server::start(&program, arguments(&home, port), environment.to_vec(), home)?;
            Some(Self::of(server, port))
        });
        Some(started.expect("the server starts"))
    }

    fn of(server: Server, port: u16) -> Self {
        let url = format!("http://127.0.0.1:{port}");
        Self { server, url, root: ROOT.to_owned(), unseal_key: String::new(), client: client() }
    }

    /// A call as root: the status, and the answer or null.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_as(&self.root, method, path, body).await
    }

    /// A call with any token.
    pub async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        send(self.request(token, method, path, &body)).await.expect("an answer")
    }

    /// As [`Self::call`], in a namespace.
    pub async fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(&self.root, method, path, &body).header("X-Vault-Namespace", namespace);
        send(request).await.expect("an answer")
    }

    /// A call as root that the server may die under: `None` then.
    pub async fn try_call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        send(self.request(&self.root, method, path, &body)).await.ok()
    }

    /// Writes something that must be taken.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// The data of what must be readable.
    pub async fn read(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].clone()
    }

    /// Writes a KV secret of the usual mount, as text.
    pub async fn put(&self, path: &str, object: &str) {
        let request = self.request(&self.root, "POST", &format!("secret/data/{path}"), &Value::Null);
        let (status, answer) = send(request.body(format!(r#"{{"data":{object}}}"#))).await.expect("an answer");
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

    /// The command line, as root.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program().expect("the server runs"));
        command.args(arguments).env("BAO_ADDR", &self.url).env("BAO_TOKEN", &self.root);
        command.env("HOME", self.server.home()).output().expect("it runs")
    }

    /// The same as [`Self::with`], where the log has to cost as little as in production.
    pub async fn quiet_with(plugin: &Plugin) -> Option<Self> {
        let bao = Self::develop("error", |home| plugin.install(home))?;
        plugin.register(&bao).await;
        Some(bao)
    }

    /// What the server and its plugins have logged so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    fn request(&self, token: &str, method: &str, path: &str, body: &Value) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let is_patch = method == Method::PATCH;
        let request = self.client.request(method, format!("{}/v1/{path}", self.url)).header("X-Vault-Token", token);
        let request = if is_patch { request.header("Content-Type", "application/merge-patch+json") } else { request };
        if body.is_null() { request } else { request.body(body.to_string()) }
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

async fn send(request: RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
}

/// Waits until something is so.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[expect(clippy::disallowed_macros, reason = "whoever reads the test's output should know")]
fn skip() {
    println!("skipped: OpenBao is not installed; `make test` installs it");
}
