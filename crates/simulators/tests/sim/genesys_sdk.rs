//! The Genesys Cloud simulator with Genesys's own Python SDK, if it is installed.

use std::error::Error;
use std::process::Stdio;
use std::sync::Arc;

use simulators::faults::Faults;
use simulators::genesys::{Genesys, GenesysSettings, OAuthClient};
use simulators::http::Server;
use simulators::journal::Journal;

#[tokio::test]
async fn the_official_python_sdk_works_with_the_simulator() -> Result<(), Box<dyn Error>> {
    let genesys = Arc::new(Genesys::new(GenesysSettings::default()));
    genesys.add_client(OAuthClient::new("pipeline", "s3cret"));
    let server = Server::start(0, genesys, Faults::default(), Journal::default()).await?;
    // PYTHON names an interpreter with the SDK. Without the SDK the script prints a message and passes.
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/genesys_sdk.py");
    let arguments = [script, &server.url(), "pipeline", "s3cret"];
    let Ok(child) = tokio::process::Command::new(python).args(arguments).stdout(Stdio::piped()).spawn() else {
        println!("skipped: Python is not installed");
        return Ok(());
    };
    let output = child.wait_with_output().await?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    Ok(())
}
