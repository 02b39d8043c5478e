//! `exec`: run a command with the token that a secret holds in its environment.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

use super::exit::{CommandFailure, Exit};
use super::target::live_token::{LiveToken, LiveTokenArgs};
use super::target::session::Session;

/// The arguments of `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The secret, and what its token must be good for.
    #[command(flatten)]
    pub token: LiveTokenArgs,
    /// Do not say on stderr how long the token lives
    #[arg(long, short)]
    pub quiet: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Becomes the command, so that signals, streams and the exit status are its own. Its environment is this process's, and
/// beside that the token, where it is good, and nothing else of the secret.
///
/// # Errors
/// Always: why this process could not become the command. That is a [usage](CommandFailure::usage) failure, no token that lives
/// long enough, whatever keeps the secret from being read, or a command that is not there or cannot be run.
pub async fn run(arguments: &ExecArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let Some((program, rest)) = arguments.command.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(CommandFailure::usage("there is no command to run", "it is written `exec SECRET -- COMMAND…`"));
    };
    let token = LiveToken::read(&arguments.token, session).await?;
    let origin = token.origin().await?;
    if let Some(life) = token.life().filter(|_| !arguments.quiet) {
        session.output.note(format_args!("{life}, and is not refreshed while the command runs"));
    }
    let mut command = Command::new(program);
    command.args(rest).env(origin.token_variable, token.text()).envs(origin.companions);
    // The copy of the token in it goes with this process's memory, at once or when it ends.
    Err(not_run(&program.display().to_string(), &command.exec()))
}

fn not_run(program: &str, error: &io::Error) -> CommandFailure {
    match error.kind() {
        io::ErrorKind::NotFound => CommandFailure {
            exit: Exit::CommandNotFound,
            message: format!("the command {program} was not found"),
            hint: "look at PATH, and where it is a script at the interpreter that its first line names".to_owned(),
        },
        _ => CommandFailure {
            exit: Exit::CommandNotRunnable,
            message: format!("the command {program} cannot be run: {error}"),
            hint: "look at its permissions, and whether it was built for this machine".to_owned(),
        },
    }
}
