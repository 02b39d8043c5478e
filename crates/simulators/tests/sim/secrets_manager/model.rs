//! The simulator against AWS's own service model.

use std::process::Stdio;

use serde_json::Value;
use simulators::secrets_manager::SecretsManagerSettings;

use super::Simulator;

#[tokio::test]
async fn every_operation_conforms_to_the_service_model() {
    let settings = SecretsManagerSettings { writes_per_second: None, retries: 0, ..SecretsManagerSettings::default() };
    let simulator = Simulator::with(settings).await;
    simulator.service.set_function(|_: Value| async { Ok(Value::Null) });
    // PYTHON names an interpreter with botocore. Without botocore the script prints a message and passes.
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/secrets_manager_model.py");
    let command = tokio::process::Command::new(python).args([script, &simulator.url]).stdout(Stdio::piped()).spawn();
    let Ok(child) = command else { return println!("skipped: Python is not installed") };
    let output = child.wait_with_output().await.expect("it ends");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    println!("{printed}");
}
