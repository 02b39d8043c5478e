//! `exec`: run a command with a secret's token in its environment.

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
    /// The secret, and the requirements on its token.
    #[command(flatten)]
    pub token: LiveTokenArgs,
    /// Do not print the token's remaining lifetime to stderr
    #[arg(long, short)]
    pub quiet: bool,
    /// The command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Replaces this process by the command (`execve`), which keeps signals, streams and exit status. The command inherits
/// this process's environment; the token, its region and its API address are added, and no other field of the secret.
///
/// # Errors
/// Always: why the process was not replaced. A [usage](CommandFailure::usage) failure, a secret that cannot be read, a
/// token that expires too soon, or a command that does not exist or cannot be executed.
pub async fn run(arguments: &ExecArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let Some((program, rest)) = arguments.command.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(CommandFailure::usage("COMMAND is missing", "usage: `genesys-rotator exec SECRET -- COMMAND…`"));
    };
    let token = LiveToken::read(&arguments.token, session).await?;
    let origin = token.origin().await?;
    if let Some(life) = token.life().filter(|_| !arguments.quiet) {
        session.output.note(format_args!("{life}, and is not refreshed while the command runs"));
    }
    let mut command = Command::new(program);
    command.args(rest).env(origin.token_variable, token.text()).envs(origin.companions);
    // The copy of the token in `command` ends with this process's memory.
    Err(not_run(&program.display().to_string(), &command.exec()))
}

fn not_run(program: &str, error: &io::Error) -> CommandFailure {
    match error.kind() {
        io::ErrorKind::NotFound => CommandFailure {
            exit: Exit::CommandNotFound,
            message: format!("the command {program} was not found"),
            hint: "check PATH and, for a script, the interpreter in its first line".to_owned(),
        },
        _ => CommandFailure {
            exit: Exit::CommandNotRunnable,
            message: format!("the command {program} cannot be executed: {error}"),
            hint: "check its permissions, and that it was built for this machine".to_owned(),
        },
    }
}
