//! A server, and calls of its API.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::plugin::Plugin;
use super::server::{PATIENCE, Server, free_port, program};

/// The root token of a server in development mode.
pub const ROOT: &str = "hush-hush-root-token";

/// A server. It is killed when this is dropped.
pub struct Bao {
    /// Its process.
    pub server: Server,
    /// Its address.
    pub url: String,
    /// A root token.
    pub root: String,
    pub(super) unseal_key: String,
    pub(super) client: Client,
}

impl Bao {
    /// Starts a server in development mode: in memory, unsealed, with KV at `secret/`.
    pub fn start() -> Option<Self> {
        Self::develop("error", |_| String::new())
    }

    /// Starts a server in development mode with a plugin in its catalog, which logs at its finest level.
    pub async fn with(plugin: &Plugin) -> Option<Self> {
        let bao = Self::develop("trace", |home| plugin.install(home))?;
        bao.register(plugin).await;
        Some(bao)
    }

    /// The same as [`Bao::with`], for an auth method.
    pub async fn with_auth(plugin: &Plugin) -> Option<Self> {
        let bao = Self::develop("trace", |home| plugin.install(home))?;
        let (status, answer) = bao.register_in("auth", plugin, plugin.version).await;
        assert!(status < 300, "{status} {answer}");
        Some(bao)
    }

    /// The same as [`Bao::with`], with a log as short as in production.
    pub async fn quiet_with(plugin: &Plugin) -> Option<Self> {
        let bao = Self::develop("error", |home| plugin.install(home))?;
        bao.register(plugin).await;
        Some(bao)
    }

    /// Starts a server in development mode with a plugin's binary in its plugin directory, and nothing in its catalog
    /// but what `config`, which gets that directory, declares. The server's environment is the plugin's, because the
    /// server passes it on.
    pub fn configured(plugin: &Plugin, config: impl Fn(&Path) -> String) -> Option<Self> {
        Self::develop_in(&plugin.environment, "trace", |home| {
            plugin.install(home);
            config(&home.join("plugins"))
        })
    }

    fn develop(log_level: &str, config: impl Fn(&Path) -> String) -> Option<Self> {
        Self::develop_in(&[], log_level, config)
    }

    fn develop_in(environment: &[String], log_level: &str, config: impl Fn(&Path) -> String) -> Option<Self> {
        let mode = ["-dev", "-dev-no-store-token"].map(str::to_owned);
        Self::start_with(environment, |home, port| {
            let file = home.join("config.hcl");
            fs::write(&file, config(home)).unwrap();
            let settings = [
                format!("-dev-root-token-id={ROOT}"),
                format!("-dev-listen-address=127.0.0.1:{port}"),
                format!("-log-level={log_level}"),
                format!("-config={}", file.display()),
            ];
            mode.iter().cloned().chain(settings).collect()
        })
    }

    /// Starts a server with the arguments that `arguments` returns for its home directory and its port.
    pub(super) fn start_with(environment: &[String], arguments: impl Fn(&Path, u16) -> Vec<String>) -> Option<Self> {
        let Some(program) = program() else {
            print_skipped();
            return None;
        };
        // Another process may bind the port first.
        let started = (0..5).find_map(|_| {
            let home = tempfile::Builder::new().prefix("bao").tempdir_in("/tmp").unwrap();
            let port = free_port();
            let arguments = arguments(home.path(), port);
            let server = Server::start(&program, arguments, environment.to_vec(), home)?;
            Some(Self::new(server, port))
        });
        Some(started.expect("the server starts"))
    }

    fn new(server: Server, port: u16) -> Self {
        let url = format!("http://127.0.0.1:{port}");
        Self { server, url, root: ROOT.to_owned(), unseal_key: String::new(), client: http_client() }
    }

    /// Calls the API with the root token, and returns the status and the JSON body, or null.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_as(&self.root, method, path, body).await
    }

    /// Calls the API with a token.
    pub async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        send(self.request(token, method, path, &body)).await.unwrap()
    }

    /// Calls the API with the root token in a namespace.
    pub async fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(&self.root, method, path, &body).header("X-Vault-Namespace", namespace);
        send(request).await.unwrap()
    }

    /// Calls the API with the root token; `None` if the server does not answer.
    pub async fn try_call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        send(self.request(&self.root, method, path, &body)).await.ok()
    }

    /// Writes to a path, and returns the answer. The write must succeed.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Returns the data at a path. The read must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].clone()
    }

    /// Writes a KV secret below `secret/`. `object` is JSON text, sent as it is.
    pub async fn put(&self, path: &str, object: &str) {
        let request = self.request(&self.root, "POST", &format!("secret/data/{path}"), &Value::Null);
        let (status, answer) = send(request.body(format!(r#"{{"data":{object}}}"#))).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// Returns a KV secret below `secret/`, or null.
    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", &format!("secret/data/{path}"), Value::Null).await.1["data"]["data"].clone()
    }

    /// Creates a token with one policy, given as HCL.
    pub async fn token(&self, policy: &str) -> String {
        let name = format!("policy-{}", uuid::Uuid::new_v4());
        self.post(&format!("sys/policies/acl/{name}"), json!({ "policy": policy })).await;
        let answer = self.post("auth/token/create", json!({ "policies": [name] })).await;
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Runs the `bao` command line with the root token.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.command_with_input(arguments, "")
    }

    /// Runs the `bao` command line with the root token and this standard input.
    pub fn command_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(program().unwrap());
        command.args(arguments).env("BAO_ADDR", &self.url).env("BAO_TOKEN", &self.root);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env("HOME", self.server.home()).spawn().unwrap();
        // A command that does not read its input has closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Returns what the server and its plugins have logged so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    fn request(&self, token: &str, method: &str, path: &str, body: &Value) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let is_patch = method == Method::PATCH;
        let request = self.client.request(method, format!("{}/v1/{path}", self.url)).header("X-Vault-Token", token);
        let request = if is_patch { request.header("Content-Type", "application/merge-patch+json") } else { request };
        if body.is_null() { request } else { request.body(body.to_string()) }
    }
}

/// Plugins of the server.
impl Bao {
    /// Registers a plugin with the version that it reports. The registration must succeed.
    pub async fn register(&self, plugin: &Plugin) {
        let (status, answer) = self.register_as(plugin, plugin.version).await;
        assert!(status < 300, "{status} {answer}");
    }

    /// Registers a plugin with a version, and returns the status and the answer.
    pub async fn register_as(&self, plugin: &Plugin, version: &str) -> (u16, Value) {
        self.register_in("secret", plugin, version).await
    }

    async fn register_in(&self, kind: &str, plugin: &Plugin, version: &str) -> (u16, Value) {
        let Plugin { name, environment, .. } = plugin;
        let entry = json!({"sha256": plugin.sha256(), "command": name, "version": version, "env": environment});
        self.call("PUT", &format!("sys/plugins/catalog/{kind}/{name}"), entry).await
    }

    /// Mounts a registered plugin.
    pub async fn mount(&self, plugin: &Plugin, path: &str) {
        self.post(&format!("sys/mounts/{path}"), json!({"type": plugin.name})).await;
    }

    /// Reloads all mounts of a plugin, which starts another process.
    pub async fn reload(&self, plugin: &Plugin) {
        let (status, answer) = self.call("PUT", "sys/plugins/reload/backend", json!({"plugin": plugin.name})).await;
        assert!(status < 300, "{status} {answer}");
    }

    /// Returns the ids of this server's plugin processes.
    pub fn engines(&self) -> Vec<u32> {
        let plugins = self.server.home().join("plugins");
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let running =
            processes.filter(|one| fs::read_link(one.path().join("exe")).is_ok_and(|exe| exe.starts_with(&plugins)));
        running.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
    }

    /// Returns the names of the sockets of this server's plugins.
    pub fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.server.home().join("sockets")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("bp-")).collect()
    }
}

pub(super) fn http_client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn send(request: RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
}

/// Polls a condition every 10 ms, and panics with `what` after 30 s.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[expect(clippy::disallowed_macros, reason = "the test's output says why it was skipped")]
fn print_skipped() {
    println!("skipped: OpenBao is not installed; `make test` installs it");
}
