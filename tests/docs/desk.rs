//! Where a reader sits who follows a page: a shell with the built programs, simulators for the cloud, and the real OpenBao.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use simulators::genesys::Client;
use simulators::{Simulation, SimulationSettings};
use tempfile::TempDir;

use crate::bao::{Bao, Plugin, free_port, program};
use crate::page::{Page, root};
use crate::settings::{Host, Setting};

const ROTATOR: &str = env!("CARGO_BIN_EXE_genesys-rotator");
const FUNCTION: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
const ENGINE: &str = env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys");
/// The OAuth clients that the pages speak of.
const CLIENTS: [&str; 4] = ["my", "other", "lone", "admin"];
/// What no program of ours may print: secrets that the pages give it.
const SECRETS: [&str; 4] = ["-secret\"", "my-secret", "admin-secret", "my-key-secret===="];
/// What the pages say where something of the reader's own stands.
const PLUGINS: &str = "/etc/openbao/plugins";
const SERVER: &str = "https://openbao.example.com:8200";
const PORT: &str = "8080";
/// Where the machine's own programs are.
const PLACES: &str = "/usr/local/bin:/usr/bin:/bin";
/// What `rotate` names as it goes on.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// How many seconds a page may take.
const PATIENCE: &str = "120";

/// What made of the built programs, rather than in them, is what a page says: that they are built, the Makefile's own.
const MAKE: &str = r#"#!/bin/sh
# What it builds is built. That the Makefile knows the name is what is left to see.
command -p make --directory="$PROJECT" --dry-run "$@" >/dev/null || exit
case $1 in demo) exec genesys-rotator demo ;; esac
"#;

/// Runs the pages' commands one after the other in one shell, so that a page can change its directory, set a variable
/// or leave something running; and ends with whoever started it.
const SHELL: &str = r#"
exec 3<&0 2>&1
{ read -r _ <&3; kill -TERM $$; } &
trap 'trap "" TERM; kill $(jobs -p); wait' EXIT 2>/dev/null
for ((number = 0; number < COUNT; number++)); do
  printf '\n@@%s\n' "$number"
  . "$COMMANDS/$number" </dev/null
  printf '\n@@ended %s\n' "$?"
done
"#;

/// A reader's place, with all that the setting of a page gives.
pub struct Desk {
    home: TempDir,
    simulation: Simulation,
    bao: Option<Bao>,
}

/// What came of a command.
pub struct Outcome {
    /// Its status.
    pub status: Option<i32>,
    /// What it printed on both streams, without what was logged.
    pub printed: Vec<String>,
}

impl Desk {
    /// Sets the place up; `None` where this machine lacks what the page works with, which has been said then.
    pub async fn set_up(setting: &Setting) -> Option<Self> {
        let python = tools()?;
        let clients = CLIENTS.map(|name| (format!("{name}-id"), format!("{name}-secret")));
        let settings =
            SimulationSettings { clients: clients.into(), function: Some(FUNCTION.into()), ..Default::default() };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        let bao = match setting.host {
            Host::Simulators => None,
            Host::EngineToInstall => Some(server(&simulation, false).await?),
            Host::Engine => Some(server(&simulation, true).await?),
        };
        let home = tempfile::Builder::new().prefix("desk").tempdir_in("/tmp").expect("a directory");
        furnish(home.path(), &python);
        Some(Self { home, simulation, bao })
    }

    /// Puts what a page shows under a name where its reader begins.
    pub fn put(&self, page: &Page) {
        for block in &page.blocks {
            let Some(name) = block.file_name() else { continue };
            let path = self.home.path().join("project").join(name);
            fs::write(&path, block.lines.join("\n") + "\n").expect("a file");
            private(&path);
        }
    }

    /// Runs commands in one shell: what came of each, up to the one that did not end.
    pub async fn run(&self, commands: &[&str]) -> Vec<Outcome> {
        let directory = self.home.path().join("commands");
        let port = free_port().to_string();
        for (number, command) in commands.iter().enumerate() {
            let text = self.for_this_desk(command, &port);
            fs::write(directory.join(number.to_string()), in_the_background(&text, number)).expect("a file");
        }
        let mut shell = self.shell(commands.len());
        let printed = tokio::task::spawn_blocking(move || {
            let mut shell = shell.spawn().expect("bash");
            let _open_for_as_long_as_it_runs = shell.stdin.take();
            let mut printed = Vec::new();
            shell.stdout.take().expect("a pipe").read_to_end(&mut printed).expect("it prints");
            shell.wait().expect("it ends");
            printed
        });
        outcomes(&String::from_utf8_lossy(&printed.await.expect("it does not panic")))
    }

    /// Whether a program of ours printed what it never may.
    pub fn gave_away(&self, command: &str, outcome: &Outcome) -> bool {
        let is_ours = command.starts_with("genesys-rotator ") && !command.starts_with("genesys-rotator sim");
        let live = self.simulation.genesys.live_tokens();
        let secrets = SECRETS.iter().map(|secret| (*secret).to_owned()).chain(live);
        is_ours && secrets.into_iter().any(|secret| outcome.printed.iter().any(|line| line.contains(&secret)))
    }

    fn for_this_desk(&self, command: &str, port: &str) -> String {
        let command = command.replace(&format!("127.0.0.1:{PORT}"), &format!("127.0.0.1:{port}"));
        let command = command.replace(&format!("--port {PORT}"), &format!("--port {port}"));
        let Some(bao) = &self.bao else { return command };
        let plugins = bao.server.home().join("plugins").display().to_string();
        command.replace(PLUGINS, &plugins).replace(SERVER, &bao.url)
    }

    fn shell(&self, count: usize) -> Command {
        let (home, genesys) = (self.home.path(), self.simulation.genesys_url());
        // A command that waits for somebody would wait for ever.
        let mut shell = Command::new("timeout");
        shell
            .args(["--kill-after=5", PATIENCE, "bash", "-c", SHELL])
            .current_dir(home.join("project"))
            .env_clear()
            .env("HOME", home)
            .env("LANG", "C.UTF-8");
        shell.env("PATH", format!("{}:{PLACES}", home.join("bin").display()));
        shell.env("COMMANDS", home.join("commands")).env("COUNT", count.to_string()).env("PROJECT", root());
        shell.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.simulation.secrets_manager_url()).env("AWS_PAGER", "");
        for (name, value) in [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")] {
            shell.env(name, value);
        }
        shell.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "simulated");
        shell.env("ROTATOR_LOGIN_URL", &genesys).env("ROTATOR_API_URL", &genesys).env("ROTATOR_LOG", "trace");
        if let Some(bao) = &self.bao {
            shell.env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        shell
    }
}

/// A server with KV at `secret/`. The engine lies in its directory or is yet to be put there; with a config and a role
/// of each kind where it is mounted.
async fn server(simulation: &Simulation, is_mounted: bool) -> Option<Bao> {
    let url = simulation.genesys_url();
    let environment = ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into();
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let plugin = Plugin { name: "vault-plugin-secrets-genesys", version, binary: ENGINE.into(), environment };
    // The server hands its environment on: a page that registers the engine anew says nothing of a simulator.
    let bao = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n"))?;
    if !is_mounted {
        fs::remove_file(bao.server.home().join("plugins").join(plugin.name)).expect("the reader installs it");
        return Some(bao);
    }
    bao.register_as(&plugin, version).await;
    bao.mount(&plugin, "genesys-cloud").await;
    simulation.genesys.add_client(Client::new("engine-id", "engine-secret"));
    let config = json!({"region": "mypurecloud.ie", "client_id": "engine-id", "client_secret": "engine-secret"});
    bao.post("genesys-cloud/config/main", config).await;
    bao.post("genesys-cloud/roles/ci", json!({"config": "main", "ttl": "15m"})).await;
    bao.post("genesys-cloud/static-roles/reports", json!({"config": "main", "rotation_period": "4h"})).await;
    Some(bao)
}

/// Programs, the project's own files where a page looks for them, and what its reader has at hand.
fn furnish(home: &Path, python: &Path) {
    for directory in ["bin", "commands", "project/target/release"] {
        fs::create_dir_all(home.join(directory)).expect("a directory");
    }
    for program in [ROTATOR, FUNCTION, ENGINE] {
        let name = Path::new(program).file_name().expect("a name");
        symlink(program, home.join("project/target/release").join(name)).expect("a link");
        symlink(program, home.join("bin").join(name)).expect("a link");
    }
    if let Some(bao) = program() {
        symlink(bao, home.join("bin/bao")).expect("a link");
    }
    executable(&home.join("bin/aws"), &format!("#!/bin/sh\nexec {} -m awscli \"$@\"\n", python.display()));
    executable(&home.join("bin/make"), MAKE);
    symlink(root().join("infra"), home.join("project/infra")).expect("a link");
    symlink(root().join("docs"), home.join("project/docs")).expect("a link");
    let document = r#"{"region": "mypurecloud.ie", "client_id": "my-id", "client_secret": "my-secret"}"#;
    for (name, text) in [("genesys.json", document), ("client-secret", "my-secret")] {
        fs::write(home.join("project").join(name), text).expect("a file");
        private(&home.join("project").join(name));
    }
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode can be set");
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
}

/// What is left running gets a file of its own, and the next command waits until it has said that it is ready.
fn in_the_background(command: &str, number: usize) -> String {
    let Some(command) = command.strip_suffix('&') else { return command.to_owned() };
    let said = format!("\"$COMMANDS/{number}.said\"");
    let ready = "for _ in $(seq 300); do grep -qs '^export AWS_REGION' {} && break; sleep 0.1; done";
    format!("{command} >{said} 2>&1 &\n{}\ncat {said}\n", ready.replace("{}", &said))
}

/// Takes apart what the shell printed.
fn outcomes(printed: &str) -> Vec<Outcome> {
    let pieces = printed.split("\n@@").filter(|piece| piece.starts_with(|first: char| first.is_ascii_digit()));
    let statuses = printed.split("\n@@ended ").skip(1).map(|rest| rest.lines().next()?.parse().ok());
    let is_log = |line: &str| line.starts_with("20") && line.contains("Z ");
    // In a terminal a bar shows it, and goes away.
    let is_progress = |line: &str| STEPS.iter().any(|step| line.ends_with(&format!("  {step}")));
    let lines = pieces.map(|piece| {
        let lines = piece.trim_end().lines().skip(1).filter(|line| !is_log(line) && !is_progress(line));
        lines.map(|line| line.trim_end().to_owned()).collect()
    });
    let statuses = statuses.chain(std::iter::repeat(None));
    lines.zip(statuses).map(|(printed, status)| Outcome { status, printed }).collect()
}

/// The interpreter that `make test` names, without which there is neither `aws` nor `bao`; if there is `curl` as well.
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the Makefile hands it over in a variable")]
fn tools() -> Option<PathBuf> {
    let python = std::env::var_os("PYTHON").map(PathBuf::from).filter(|python| python.exists());
    let curl = PLACES.split(':').map(|place| Path::new(place).join("curl")).find(|curl| curl.exists());
    if python.is_none() {
        println!("skipped: aws and bao are not installed; `make test` installs them");
    } else if curl.is_none() {
        println!("skipped: there is no curl, which the pages work with");
    }
    python.filter(|_| curl.is_some())
}
