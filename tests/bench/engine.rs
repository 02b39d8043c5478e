//! What the secrets engine costs: `make bench`. Release binaries alone, in OpenBao, with the simulator on the same
//! machine; ratios where speed is concerned.

#![expect(clippy::disallowed_macros, reason = "a program of its own, for a terminal")]

mod load;

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::{Clients, Load};
use openbao_plugin::testing::bao::{Bao, Plugin, ROOT};
use serde_json::json;
use simulators::{Simulation, SimulationSettings};

/// The release binary, whatever profile this program itself was built with.
const ENGINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/vault-plugin-secrets-genesys");
const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");

const LARGEST_BINARY_MB: f64 = 9.0;
const LARGEST_MEMORY_MB: f64 = 25.0;
const SMALLEST_READ_RATIO: f64 = 0.45;
/// The engine's processor time for a leased token, of the host's.
const LARGEST_ENGINE_SHARE: f64 = 0.7;
const CLIENTS: usize = 8;
const LEASES: usize = 100_000;
const STATIC_ROLES: usize = 1_000;
/// The slices in which either kind of read is measured, in turns.
const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let simulation = simulate().await;
    let url = simulation.genesys_url();
    let plugin = Plugin {
        name: "vault-plugin-secrets-genesys",
        version: concat!("v", env!("CARGO_PKG_VERSION")),
        binary: ENGINE.into(),
        environment: ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into(),
    };
    let Some(bao) = Bao::quiet_with(&plugin).await else { return ExitCode::FAILURE };
    set_up(&bao, &plugin).await;
    let clients = Clients::new(CLIENTS, ROOT);
    let mut kept = true;
    let mut row = |what: &str, value: String, limit: Option<(String, bool)>| {
        let verdict = limit.map(|(limit, ok)| {
            kept &= ok;
            format!("{limit:>12}  {}", if ok { "ok" } else { "MISSED" })
        });
        println!("{what:<52} {value:>12} {}", verdict.unwrap_or_default());
    };
    let size = fs::metadata(ENGINE).expect("the binary is there").len() as f64 / 1e6;
    row("size of the engine, stripped", format!("{size:.2} MB"), Some(at_most(size, LARGEST_BINARY_MB)));
    let (kv, ours, used) = reads(&bao, &clients).await;
    let ratio = ours.rate() / kv.rate();
    row("reads of KV version 2", format!("{:.0} /s", kv.rate()), None);
    row("reads of static-creds", format!("{:.0} /s", ours.rate()), None);
    row(
        "which is of the former",
        format!("{ratio:.2}"),
        Some((format!(">= {SMALLEST_READ_RATIO}"), ratio >= SMALLEST_READ_RATIO)),
    );
    for (what, time) in [
        ("processor time of the host for a read of KV", used.host_for_kv / kv.answered as f64),
        ("processor time of the host for one of static-creds", used.host_for_ours / ours.answered as f64),
        ("processor time of the engine for one of static-creds", used.engine / ours.answered as f64),
    ] {
        row(what, format!("{:.0} us", time * 1e6), None);
    }
    let (host_before, engine_before) = (processor_time(bao.server.id()), engines_time(&bao));
    let leased = clients.read_times(&format!("{}/v1/genesys-cloud/creds/ci", bao.url), LEASES).await;
    let (host, engine) = (processor_time(bao.server.id()) - host_before, engines_time(&bao) - engine_before);
    for (what, time) in
        [("processor time of the host for a leased token", host), ("processor time of the engine for one", engine)]
    {
        row(what, format!("{:.0} us", time / leased.answered as f64 * 1e6), None);
    }
    let share = engine / host;
    let goal = (format!("<= {LARGEST_ENGINE_SHARE}"), share <= LARGEST_ENGINE_SHARE);
    row("which is of the former", format!("{share:.2}"), Some(goal));
    row("leased tokens, validated", format!("{:.0} /s", leased.rate()), None);
    let failed = kv.failed + ours.failed + leased.failed;
    row("reads that failed", failed.to_string(), Some(("0".into(), failed == 0)));
    let before = memory(&bao);
    let began = Instant::now();
    bao.reload(&plugin).await;
    bao.read("genesys-cloud/static-creds/reports").await;
    row(&format!("reload of the engine with {LEASES} leases"), format!("{} ms", began.elapsed().as_millis()), None);
    static_roles(&bao).await;
    let after = memory(&bao);
    row(&format!("memory after {LEASES} leases"), format!("{before:.1} MB"), None);
    row(
        &format!("memory after {STATIC_ROLES} static roles more"),
        format!("{after:.1} MB"),
        Some(at_most(after, LARGEST_MEMORY_MB)),
    );
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn at_most(value: f64, limit: f64) -> (String, bool) {
    (format!("<= {limit} MB"), value <= limit)
}

async fn simulate() -> Simulation {
    let clients = vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())];
    let simulation = Simulation::start(SimulationSettings { clients, ..SimulationSettings::default() }).await;
    simulation.expect("the simulators start")
}

async fn set_up(bao: &Bao, plugin: &Plugin) {
    bao.mount(plugin, "genesys-cloud").await;
    let config = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.post("genesys-cloud/config/main", config).await;
    bao.post("genesys-cloud/roles/ci", json!({"config": "main", "ttl": "1h"})).await;
    bao.post("genesys-cloud/static-roles/reports", json!({"config": "main", "rotation_period": "4h"})).await;
    let credential = bao.read("genesys-cloud/static-creds/reports").await;
    bao.post("secret/data/reports", json!({"data": credential})).await;
}

/// Processor time in seconds.
#[derive(Default)]
struct Used {
    host_for_kv: f64,
    host_for_ours: f64,
    engine: f64,
}

/// Both kinds of read, in turns, so that whatever else this machine does meets both alike.
async fn reads(bao: &Bao, clients: &Clients) -> (Load, Load, Used) {
    let [kv, ours] =
        ["secret/data/reports", "genesys-cloud/static-creds/reports"].map(|path| format!("{}/v1/{path}", bao.url));
    let (mut all_kv, mut all_ours, mut used) = (Load::default(), Load::default(), Used::default());
    let host = || processor_time(bao.server.id());
    let engine = || engines_time(bao);
    for _ in 0..ROUNDS {
        let before = host();
        all_kv = all_kv.and(clients.read_for(&kv, SLICE).await);
        let (between, engine_before) = (host(), engine());
        all_ours = all_ours.and(clients.read_for(&ours, SLICE).await);
        used.host_for_kv += between - before;
        used.host_for_ours += host() - between;
        used.engine += engine() - engine_before;
    }
    (all_kv, all_ours, used)
}

fn engines_time(bao: &Bao) -> f64 {
    bao.engines().into_iter().map(processor_time).sum()
}

/// The processor time that a process has used, in seconds (proc(5), `stat`: fields 14 and 15, in hundredths).
fn processor_time(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

async fn static_roles(bao: &Bao) {
    for number in 0..STATIC_ROLES {
        let role = json!({"config": "main", "rotation_period": "4h"});
        bao.post(&format!("genesys-cloud/static-roles/team-{number}"), role).await;
    }
}

/// The resident size of the engine's process now, in megabytes (proc(5), `VmRSS`).
fn memory(bao: &Bao) -> f64 {
    let of = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
        kilobytes.parse::<f64>().ok()
    };
    bao.engines().iter().filter_map(of).sum::<f64>() * 1024.0 / 1e6
}
