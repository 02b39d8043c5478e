//! The command line. Only this file connects the commands to the simulators.

use std::process::ExitCode;

use clap::CommandFactory;
use genesys_rotator::cli::{self, Cli, Command, CommandFailure, Exit, Session, SimArgs};
use simulators::function::FunctionSettings;
use simulators::{Simulation, SimulationSettings};
use tokio::runtime::Builder;

#[expect(clippy::disallowed_methods, reason = "binaries read the environment and hand it to the library")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    let (command, session) = match cli::open(std::env::args_os(), variable) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let mut runtime = Builder::new_multi_thread();
    if matches!(command, Command::Serve(_) | Command::Exec(_)) {
        // Waking another thread takes longer than a forwarded request needs (`make bench`).
        runtime.worker_threads(1);
    }
    let ended = match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(run(&command, &session)),
        Err(error) => Err(CommandFailure {
            exit: Exit::Failed,
            message: format!("no thread can be started: {error}"),
            hint: "raise the limit of processes (ulimit -u), or end other programs".to_owned(),
        }),
    };
    session.output.end(ended)
}

async fn run(command: &Command, session: &Session) -> Result<Exit, CommandFailure> {
    match command {
        Command::Demo => cli::demo::run(&simulate(&SimArgs::default()).await?.genesys_url(), &session.output).await,
        Command::Init(arguments) => cli::init::run(arguments, session).await,
        Command::Adopt(arguments) => cli::adopt::run(arguments, session).await,
        Command::Rotate(arguments) => cli::rotate::run(arguments, session).await,
        Command::Revoke(arguments) => cli::revoke::run(arguments, session).await,
        Command::Status(arguments) => cli::status::run(arguments, session).await,
        Command::Check(arguments) => cli::check::run(arguments, session).await,
        Command::Doctor(arguments) => cli::doctor::run(arguments, session).await,
        Command::Token(arguments) => cli::token::run(arguments, session).await,
        Command::Exec(arguments) => cli::exec::run(arguments, session).await,
        Command::Serve(arguments) => cli::serve::run(arguments, session).await,
        Command::Api(arguments) => cli::api::run(arguments, session).await,
        Command::Sim(arguments) => {
            let running = simulate(arguments).await?;
            cli::sim::serve(arguments, &session.output, &running.genesys_url(), &running.secrets_manager_url()).await
        }
        Command::Support(arguments) => cli::support::run(arguments, session).await,
        Command::Completions(arguments) => cli::completions::run(arguments, Cli::command(), &session.output),
        Command::Man(arguments) => cli::man::run(arguments, Cli::command(), &session.output),
    }
}

async fn simulate(arguments: &SimArgs) -> Result<Simulation, CommandFailure> {
    let (clients, token_lifetime) = (arguments.clients(), arguments.token_lifetime.map(|lifetime| lifetime.as_secs()));
    let (port, function) = (arguments.port, arguments.function.clone());
    let (cxone_clients, cxone_access_keys) = (arguments.cxone_clients.clone(), arguments.cxone_access_keys.clone());
    let settings = SimulationSettings {
        port,
        clients,
        cxone_clients,
        cxone_access_keys,
        token_lifetime,
        function,
        function_settings: FunctionSettings { tee: arguments.function_log, ..FunctionSettings::default() },
        ..SimulationSettings::default()
    };
    Simulation::start(settings).await.map_err(|error| CommandFailure::simulators(&error))
}
