//! What the rotation function costs: `make bench`. Release binaries alone, and ratios where speed is concerned.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a program of its own, for a terminal")]

mod cold_start;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_secretsmanager::types::RotationRulesType;
use simulators::function;
use simulators::{Simulation, SimulationSettings};
use uuid::Uuid;

/// The release binary, whatever profile this program itself was built with.
const LAMBDA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/genesys-rotator-lambda");
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/template_function.py");
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:genesys-rotator";
const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");

const LARGEST_BINARY_MB: f64 = 6.0;
const LARGEST_MEMORY_MB: f64 = 14.0;
const SMALLEST_COLD_START_RATIO: f64 = 15.0;
const COLD_STARTS: usize = 45;
/// Few enough that no secret gathers more than the 100 versions that it may have.
const ROTATIONS_PER_SECRET: usize = 40;

/// A line of the table.
struct Row {
    what: String,
    value: String,
    /// What was asked for, and whether it was kept.
    limit: Option<(String, bool)>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut rows = vec![binary_size(), peak_memory().await];
    rows.extend(cold_starts());
    for concurrency in [1, 4] {
        rows.push(throughput(concurrency).await);
    }
    let mut kept = true;
    for Row { what, value, limit } in rows {
        let verdict = limit.map(|(limit, ok)| {
            kept &= ok;
            format!("{limit:>10}  {}", if ok { "ok" } else { "MISSED" })
        });
        println!("{what:<44} {value:>12} {}", verdict.unwrap_or_default());
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn binary_size() -> Row {
    let size = fs::metadata(LAMBDA).expect("the binary is there").len() as f64 / 1e6;
    let limit = (format!("<= {LARGEST_BINARY_MB} MB"), size <= LARGEST_BINARY_MB);
    Row { what: "size of the function, stripped".into(), value: format!("{size:.2} MB"), limit: Some(limit) }
}

async fn peak_memory() -> Row {
    let (simulation, aws) = start(1).await;
    create(&aws, "memory").await;
    rotate(&simulation, &aws, "memory").await;
    let peak = peak_of(Path::new(LAMBDA)).expect("the function is running") / 1e6;
    let limit = (format!("<= {LARGEST_MEMORY_MB} MB"), peak <= LARGEST_MEMORY_MB);
    Row { what: "peak memory over a rotation".into(), value: format!("{peak:.1} MB"), limit: Some(limit) }
}

/// The peak resident size, in bytes, of the child of this process that runs a program (proc(5), `VmHWM`).
fn peak_of(program: &Path) -> Option<f64> {
    let parent = format!("PPid:\t{}\n", std::process::id());
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let runs = fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program);
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        if runs && status.contains(&parent) {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            return Some(peak.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0);
        }
    }
    None
}

fn cold_starts() -> Vec<Row> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let (mut ours, mut template) = (Command::new(LAMBDA), Command::new(python));
    template.arg(TEMPLATE);
    for command in [&mut ours, &mut template] {
        command.env_clear().envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "genesys-rotator"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/genesys-rotator"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
        ]);
    }
    let (ours, template) = cold_start::medians(&mut ours, &mut template, COLD_STARTS);
    let ratio = template.as_secs_f64() / ours.as_secs_f64();
    let limit = (format!(">= {SMALLEST_COLD_START_RATIO}x"), ratio >= SMALLEST_COLD_START_RATIO);
    let row = |what: &str, value: String, limit| Row { what: what.to_owned(), value, limit };
    vec![
        row("start to first request, median", milliseconds(ours), None),
        row("the same of a Python function with boto3", milliseconds(template), None),
        row("which is slower by", format!("{ratio:.1}x"), Some(limit)),
    ]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

async fn throughput(concurrency: usize) -> Row {
    let (simulation, aws) = start(concurrency).await;
    let names: Vec<_> = (0..concurrency).map(|number| format!("secret/{number}")).collect();
    for name in &names {
        create(&aws, name).await;
        rotate(&simulation, &aws, name).await;
    }
    let began = Instant::now();
    let one_after_the_other = |name: &String| {
        let (simulation, aws, name) = (&simulation, &aws, name.clone());
        async move {
            for _ in 0..ROTATIONS_PER_SECRET {
                rotate(simulation, aws, &name).await;
            }
        }
    };
    futures_util::future::join_all(names.iter().map(one_after_the_other)).await;
    let rate = (concurrency * ROTATIONS_PER_SECRET) as f64 / began.elapsed().as_secs_f64();
    let what = format!("rotations through {concurrency} process{}", if concurrency == 1 { "" } else { "es" });
    Row { what, value: format!("{rate:.0} /s"), limit: None }
}

async fn start(concurrency: usize) -> (Simulation, Client) {
    let mut settings = SimulationSettings {
        clients: vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())],
        function: Some(LAMBDA.into()),
        function_settings: function::FunctionSettings { concurrency, ..function::FunctionSettings::default() },
        ..SimulationSettings::default()
    };
    // The real service's quotas would be all that is measured.
    settings.secrets_manager.writes_per_second = None;
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "bench"))
        .endpoint_url(simulation.secrets_manager_url());
    (simulation, Client::from_conf(config.build()))
}

async fn create(aws: &Client, name: &str) {
    let document =
        format!(r#"{{"region":"mypurecloud.ie","client_id":"{}","client_secret":"{}"}}"#, CLIENT.0, CLIENT.1);
    aws.create_secret().name(name).secret_string(document).send().await.expect("the secret is created");
}

/// One rotation, from RotateSecret until readers get the new token.
async fn rotate(simulation: &Simulation, aws: &Client, name: &str) {
    let version = Uuid::new_v4().to_string();
    let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    let rotate = aws.rotate_secret().secret_id(name).client_request_token(&version);
    rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules).send().await.expect("the rotation starts");
    let ended = |versions: &[simulators::secrets_manager::VersionView]| {
        let version = versions.iter().find(|entry| entry.id == version);
        version.is_some_and(|entry| entry.labels == ["AWSCURRENT"])
    };
    while !ended(&simulation.secrets_manager.versions(name)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
