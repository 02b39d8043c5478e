//! A boto3 script rotates a secret through the Lambda binary, against the Secrets Manager simulator.

#![cfg(all(feature = "sim", feature = "lambda"))]

use std::process::{Output, Stdio};

use simulators::{Simulation, SimulationSettings};

const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");

#[tokio::test]
async fn boto3_rotates_a_secret_twice_through_the_real_function() {
    let simulation = simulation().await;
    let Some(output) = run(&simulation, CLIENT.1).await else { return skip("Python is not installed") };
    let printed = String::from_utf8_lossy(&output.stdout);
    if printed.starts_with("skipped") {
        return skip(printed.trim());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.ends_with("rotated twice\n"), "{printed}{complaint}");
    assert_eq!(simulation.genesys.live_tokens().len(), 2, "the previous token stays valid until it expires");
    assert!(simulation.secrets_manager.rotation_outcomes().iter().all(|outcome| outcome.succeeded));
}

async fn simulation() -> Simulation {
    let settings = SimulationSettings {
        clients: vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())],
        function: Some(env!("CARGO_BIN_EXE_genesys-rotator-lambda").into()),
        ..SimulationSettings::default()
    };
    Simulation::start(settings).await.expect("the simulators start")
}

/// Runs the script; `None` without Python.
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter that has boto3")]
async fn run(simulation: &Simulation, secret: &str) -> Option<Output> {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/boto3_rotation.py");
    let mut command = tokio::process::Command::new(python);
    command.args([script, CLIENT.0, secret, "genesys/token"]).kill_on_drop(true);
    command.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", simulation.secrets_manager_url());
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
    // Keeps the AWS configuration of this machine out of the test.
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env_remove("AWS_PROFILE");
    command.env_remove("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").env("NO_PROXY", "127.0.0.1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?.wait_with_output().await.ok()
}

#[expect(clippy::disallowed_macros, reason = "a skipped test is reported on standard output")]
fn skip(why: &str) {
    println!("{why}");
}
