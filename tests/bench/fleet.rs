//! What it takes to rotate many secrets at once and to end their former tokens: `make bench`. The command line against
//! simulators on the same machine that answer every call 20 ms later.

#![expect(clippy::disallowed_macros, reason = "a program of its own, for a terminal")]

use std::fs;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use simulators::faults::{Effect, Fault};
use simulators::journal::RecordedCall;
use simulators::{Simulation, SimulationSettings};

const CLI: &str = env!("CARGO_BIN_EXE_genesys-rotator");
const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");
const LATENCY: Duration = Duration::from_millis(20);
/// What the chain of round trips and the quotas allow may be exceeded by this much.
const SLACK: f64 = 1.3;
const LARGEST_MEMORY_MB: f64 = 50.0;
/// What an account may write in a second (Secrets Manager user guide, "Secrets Manager quotas").
const WRITES_PER_SECOND: f64 = 50.0;
const WRITES: [&str; 3] = ["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"];

/// What was measured of one run.
struct Run {
    took: Duration,
    /// The peak resident size, in megabytes.
    memory: f64,
    writes: usize,
    /// Calls that were refused for their number.
    throttled: usize,
    /// The longest chain of calls that had to wait for one another.
    chain: usize,
    succeeded: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let within_accounts = accounts().await;
    let one = measure(1, 1).await;
    // The list of the secrets is asked for once.
    let chain = one.chain - 1;
    println!("one secret, its former token revoked: {chain} round trips one after the other, {} writes", one.writes);
    println!("secrets  at once      took     limit    writes  throttled    memory");
    let mut kept = within_accounts && one.succeeded;
    for (secrets, at_once) in [(100, 4), (1_000, 4), (1_000, 8), (1_000, 32)] {
        let run = measure(secrets, at_once).await;
        let trips = chain as f64 * LATENCY.as_secs_f64() * secrets as f64 / at_once as f64;
        let quota = run.writes as f64 / WRITES_PER_SECOND;
        let limit = SLACK * trips.max(quota);
        let by = if trips < quota { "AWS's quota of writes" } else { "the round trips" };
        let took = run.took.as_secs_f64();
        let ok = run.succeeded && took <= limit && run.throttled == 0 && run.memory <= LARGEST_MEMORY_MB;
        kept &= ok;
        let verdict = if ok { "ok" } else { "MISSED" };
        println!(
            "{secrets:>7}  {at_once:>7}  {took:>6.1} s  {limit:>6.1} s  {:>8}  {:>9}  {:>5.1} MB  {verdict}, bound by {by}",
            run.writes, run.throttled, run.memory
        );
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the commands take on the secrets of several accounts. Returns whether each is within its limit.
async fn accounts() -> bool {
    const SECRETS: usize = 200;
    const ACCOUNTS: usize = 5;
    const AT_ONCE: usize = 8;
    /// From a machine outside of the region.
    const LATENCY: Duration = Duration::from_millis(50);
    /// The start of the program and the lists, which each account answers at the same time.
    const SLACK: f64 = 1.15;
    const ATTEMPTS: usize = 3;
    let mut kept = true;
    println!("{SECRETS} secrets in {ACCOUNTS} accounts, {AT_ONCE} at once");
    println!("command      chain      took     bound");
    for arguments in [&["check"][..], &["rotate", "--yes", "--local"], &["status"]] {
        let one = World::new(1, 1, LATENCY).await;
        one.run(arguments).await;
        // The list of the secrets is requested once.
        let chain = one.accounts[0].journal.longest_chain() - 1;
        let bound = chain as f64 * LATENCY.as_secs_f64() * SECRETS as f64 / AT_ONCE as f64;
        let (mut took, mut succeeded) = (Duration::MAX, true);
        // Other work on the machine only makes a run slower.
        for _ in 0..ATTEMPTS {
            let world = World::new(ACCOUNTS, SECRETS / ACCOUNTS, LATENCY).await;
            let (once, success) = world.run(arguments).await;
            (took, succeeded) = (took.min(once), succeeded && success);
            if took.as_secs_f64() <= SLACK * bound {
                break;
            }
        }
        let ratio = took.as_secs_f64() / bound;
        let ok = succeeded && ratio <= SLACK;
        kept &= ok;
        let verdict = if ok { "ok" } else { "MISSED" };
        println!(
            "{:<10}  {chain:>6}  {:>6.2} s  {bound:>6.2} s  {ratio:.2} of the bound, at most {SLACK}: {verdict}",
            arguments[0],
            took.as_secs_f64()
        );
    }
    kept
}

/// Accounts with a simulator and a profile each. The first one issues the tokens.
struct World {
    accounts: Vec<Simulation>,
    folder: tempfile::TempDir,
}

impl World {
    async fn new(accounts: usize, secrets: usize, latency: Duration) -> Self {
        let folder = tempfile::TempDir::new().expect("a temporary directory");
        let (mut simulations, mut profiles, mut fleet) = (Vec::new(), String::new(), String::new());
        for account in 0..accounts {
            let simulation = simulate(secrets).await;
            let url = simulation.secrets_manager_url();
            profiles += &format!(
                "[profile account-{account}]\nregion = eu-west-1\nendpoint_url = {url}\naws_access_key_id = AKIDEXAMPLE\n\
                 aws_secret_access_key = example\n"
            );
            fleet += &format!("[[aws]]\nprofiles = [\"account-{account}\"]\nprefix = \"fleet/\"\n");
            simulation.faults.add(Fault::always("*", Effect::Delay(latency)));
            simulation.journal.clear();
            simulations.push(simulation);
        }
        fs::write(folder.path().join("config"), profiles).expect("the profiles are written");
        fs::write(folder.path().join("fleet.toml"), fleet).expect("the inventory is written");
        Self { accounts: simulations, folder }
    }

    /// Runs a command on all secrets. Returns how long it took, and whether it succeeded.
    async fn run(&self, arguments: &[&str]) -> (Duration, bool) {
        let genesys = self.accounts[0].genesys_url();
        let mut command = Command::new(CLI);
        command.args(arguments).arg("--from").arg(self.folder.path().join("fleet.toml")).env_clear();
        command.env("ROTATOR_LOGIN_URL", &genesys).env("ROTATOR_API_URL", &genesys).env("HOME", self.folder.path());
        command.env("AWS_CONFIG_FILE", self.folder.path().join("config"));
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let (_, succeeded) = watch(&mut child.expect("the command line runs")).await;
        (began.elapsed(), succeeded)
    }
}

/// Rotates so many secrets, so many at once.
async fn measure(secrets: usize, at_once: usize) -> Run {
    let simulation = simulate(secrets).await;
    simulation.faults.add(Fault::always("*", Effect::Delay(LATENCY)));
    simulation.journal.clear();
    let began = Instant::now();
    let mut child = rotate(&simulation, at_once);
    let (memory, succeeded) = watch(&mut child).await;
    let took = began.elapsed();
    let calls = simulation.journal.calls();
    let count = |which: &dyn Fn(&RecordedCall) -> bool| calls.iter().filter(|call| which(call)).count();
    let is_write = |call: &RecordedCall| WRITES.contains(&call.operation.as_str());
    let writes = count(&is_write);
    // Reads are refused with 400 as well where there is nothing to read, and so is every client's users/me.
    let is_limited = |call: &RecordedCall| is_write(call) || call.operation == "POST /oauth/token";
    let refused =
        |call: &RecordedCall| call.status.is_some_and(|status| status == 429 || status == 400 && is_limited(call));
    let throttled = count(&refused);
    Run { took, memory, writes, throttled, chain: simulation.journal.longest_chain(), succeeded }
}

async fn simulate(secrets: usize) -> Simulation {
    let clients = vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())];
    let simulation = Simulation::start(SimulationSettings { clients, ..SimulationSettings::default() }).await;
    let simulation = simulation.expect("the simulators start");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "bench"))
        .endpoint_url(simulation.secrets_manager_url());
    let aws = Client::from_conf(config.build());
    for number in 0..secrets {
        let create = aws.create_secret().name(format!("fleet/{number}")).secret_string(document(number));
        create.send().await.expect("the secret is created");
    }
    simulation
}

/// A secret as a rotation left it. Its token is dead, which counts as revoked and costs the same call.
fn document(number: usize) -> String {
    let (id, secret) = CLIENT;
    format!(
        r#"{{"region":"mypurecloud.ie","client_id":"{id}","client_secret":"{secret}","access_token":"token-{number}","token_type":"bearer","issued_at":"2026-01-02T03:04:05Z","expires_at":"2026-01-03T03:04:04Z"}}"#
    )
}

fn rotate(simulation: &Simulation, at_once: usize) -> Child {
    let (genesys, aws) = (simulation.genesys_url(), simulation.secrets_manager_url());
    let mut command = Command::new(CLI);
    command.args([
        "rotate",
        "--yes",
        "--local",
        "--all",
        "--prefix",
        "fleet/",
        "--revoke-previous",
        "--output",
        "json",
    ]);
    command.args(["--concurrency", &at_once.to_string()]).env_clear().envs([
        ("ROTATOR_LOGIN_URL", genesys.as_str()),
        ("ROTATOR_API_URL", &genesys),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command line runs")
}

/// The peak resident size of a process, in megabytes, and whether it succeeded (proc(5), `VmHWM`).
async fn watch(child: &mut Child) -> (f64, bool) {
    let file = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    loop {
        let status = fs::read_to_string(&file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = peak.max(kilobytes.unwrap_or_default() * 1024.0 / 1e6);
        if let Some(ended) = child.try_wait().expect("it is a child of this process") {
            return (peak, ended.success());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
