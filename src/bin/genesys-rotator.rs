//! The command line: parse, match, call.

use std::process::ExitCode;

use genesys_rotator::cli::{self, Command, Exit, Failure, Session};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::open(std::env::args_os(), |name| std::env::var(name).ok()) {
        Ok((command, session)) => {
            let ended = run(&command, &session).await;
            session.output.end(ended)
        }
        Err(exit) => exit,
    }
}

async fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Rotate(arguments) => cli::rotate::run(arguments, session).await,
        Command::Status(arguments) => cli::status::run(arguments, session).await,
        Command::Check(arguments) => cli::check::run(arguments, session).await,
        Command::Completions(arguments) => cli::completions::run(arguments, &session.output),
        Command::Demo | Command::Sim(_) => {
            Err(Failure::simulators(&std::io::Error::other("this build has no simulators yet")))
        }
    }
}
