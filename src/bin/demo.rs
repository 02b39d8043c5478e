//! The command `demo` alone, which `make demo` builds in a fraction of the time of the whole command line.

use std::process::ExitCode;

use genesys_rotator::cli::{CommandFailure, Output, demo};
use simulators::{Simulation, SimulationSettings};

#[expect(clippy::disallowed_methods, reason = "binaries read the environment and hand it to the library")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let output = Output::standard(variable);
    let settings = SimulationSettings { clients: vec![demo::default_client()], ..SimulationSettings::default() };
    let ended = match Simulation::start(settings).await {
        Ok(simulation) => demo::run(&simulation.genesys_url(), &output).await,
        Err(error) => Err(CommandFailure::simulators(&error)),
    };
    output.end(ended)
}
