//! The environment in which a page is followed: a shell with the built programs, simulators of the cloud, and a real OpenBao.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use simulators::genesys::OAuthClient;
use simulators::{Simulation, SimulationSettings};
use tempfile::TempDir;

use crate::bao::{Bao, Plugin, free_port, program};
use crate::page::{Page, root};
use crate::settings::{Host, Setting};

const ROTATOR: &str = env!("CARGO_BIN_EXE_genesys-rotator");
const FUNCTION: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
const ENGINE: &str = env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys");
const DEMO: &str = env!("CARGO_BIN_EXE_demo");
/// The OAuth clients that the pages use.
const CLIENTS: [&str; 4] = ["my", "other", "lone", "admin"];
/// Secrets of the pages, which no program of the project may print.
const SECRETS: [&str; 4] = ["-secret\"", "my-secret", "admin-secret", "my-key-secret===="];
/// Placeholders in the pages.
const PLUGINS: &str = "/etc/openbao/plugins";
const SERVER: &str = "https://openbao.example.com:8200";
const PORT: &str = "8080";
/// The directories of system programs.
const PLACES: &str = "/usr/local/bin:/usr/bin:/bin";
/// The steps that `rotate` shows as progress.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// The timeout of a page in seconds.
const PATIENCE: &str = "300";

/// Replaces `make`: the programs are already built. It fails for a target that the Makefile does not have.
const MAKE: &str = r#"#!/bin/sh
# The programs are already built. A dry run checks that the target exists.
command -p make --directory="$PROJECT" --dry-run "$@" >/dev/null || exit
case $1 in demo) exec demo ;; esac
"#;

/// Runs the commands of a page in one shell, so that a page can change the directory, set variables and start background
/// processes. The shell ends when its standard input closes.
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

/// The environment of a page.
pub struct Desk {
    home: TempDir,
    simulation: Simulation,
    bao: Option<Bao>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status.
    pub status: Option<i32>,
    /// The lines on both streams, without log lines.
    pub printed: Vec<String>,
}

impl Desk {
    /// Sets up the environment; `None` if a required tool is missing, which has been printed.
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

    /// Writes the named files of a page to the start directory.
    pub fn put(&self, page: &Page) {
        for block in &page.blocks {
            let Some(name) = block.file_name() else { continue };
            let path = self.home.path().join("project").join(name);
            fs::write(&path, block.lines.join("\n") + "\n").expect("a file");
            private(&path);
        }
    }

    /// Runs commands in one shell and returns their results, up to the first that did not end.
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
            let _open_while_it_runs = shell.stdin.take();
            let mut printed = Vec::new();
            shell.stdout.take().expect("a pipe").read_to_end(&mut printed).expect("it prints");
            shell.wait().expect("it ends");
            printed
        });
        outcomes(&String::from_utf8_lossy(&printed.await.expect("it does not panic")))
    }

    /// Whether a program of the project printed a secret.
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
        // A command that waits for input must not block the test.
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

/// A server with KV at `secret/`. If `is_mounted`, the engine is mounted with a config and a role of each kind. Otherwise
/// its plugin directory is empty.
async fn server(simulation: &Simulation, is_mounted: bool) -> Option<Bao> {
    let url = simulation.genesys_url();
    let environment = ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into();
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let plugin = Plugin { name: "vault-plugin-secrets-genesys", version, binary: ENGINE.into(), environment };
    // The server passes its environment to the engine, because pages register it without the simulator's addresses.
    let bao = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n"))?;
    if !is_mounted {
        fs::remove_file(bao.server.home().join("plugins").join(plugin.name)).expect("the plugin file exists");
        return Some(bao);
    }
    bao.register_as(&plugin, version).await;
    bao.mount(&plugin, "genesys-cloud").await;
    simulation.genesys.add_client(OAuthClient::new("engine-id", "engine-secret"));
    let config = json!({"region": "mypurecloud.ie", "client_id": "engine-id", "client_secret": "engine-secret"});
    bao.post("genesys-cloud/config/main", config).await;
    bao.post("genesys-cloud/roles/ci", json!({"config": "main", "ttl": "15m"})).await;
    bao.post("genesys-cloud/static-roles/reports", json!({"config": "main", "rotation_period": "4h"})).await;
    Some(bao)
}

/// Creates the programs, the project files, and the files of the reader.
fn furnish(home: &Path, python: &Path) {
    for directory in ["bin", "commands", "project/target/release"] {
        fs::create_dir_all(home.join(directory)).expect("a directory");
    }
    for program in [ROTATOR, FUNCTION, ENGINE, DEMO] {
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

/// Redirects a background command to a file, and waits until it has printed that it is ready.
fn in_the_background(command: &str, number: usize) -> String {
    let Some(command) = command.strip_suffix('&') else { return command.to_owned() };
    let said = format!("\"$COMMANDS/{number}.said\"");
    let ready = "for _ in $(seq 300); do grep -qs -e '^export AWS_REGION' -e '^serving ' {} && break; sleep 0.1; done";
    format!("{command} >{said} 2>&1 &\n{}\ncat {said}\n", ready.replace("{}", &said))
}

/// Splits the output of the shell into results.
fn outcomes(printed: &str) -> Vec<Outcome> {
    let pieces = printed.split("\n@@").filter(|piece| piece.starts_with(|first: char| first.is_ascii_digit()));
    let statuses = printed.split("\n@@ended ").skip(1).map(|rest| rest.lines().next()?.parse().ok());
    let is_log = |line: &str| line.starts_with("20") && line.contains("Z ");
    // On a terminal, a progress bar shows these lines.
    let is_progress = |line: &str| STEPS.iter().any(|step| line.ends_with(&format!("  {step}")));
    let lines = pieces.map(|piece| {
        let lines = piece.trim_end().lines().skip(1).filter(|line| !is_log(line) && !is_progress(line));
        lines.map(|line| line.trim_end().to_owned()).collect()
    });
    let statuses = statuses.chain(std::iter::repeat(None));
    lines.zip(statuses).map(|(printed, status)| Outcome { status, printed }).collect()
}

/// The Python of `make test`, which provides `aws` and `bao`; `None` if it or `curl` is missing.
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the Makefile sets the variable")]
fn tools() -> Option<PathBuf> {
    let python = std::env::var_os("PYTHON").map(PathBuf::from).filter(|python| python.exists());
    let curl = PLACES.split(':').map(|place| Path::new(place).join("curl")).find(|curl| curl.exists());
    if python.is_none() {
        println!("skipped: aws and bao are not installed; `make test` installs them");
    } else if curl.is_none() {
        println!("skipped: curl is not installed");
    }
    python.filter(|_| curl.is_some())
}
