//! `exec`: run a command with a secret's token in its environment.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::{Arg, Args};

use super::exit::{CommandFailure, Exit};
use super::serve::arguments::Pace;
use super::serve::child::{self, ChildArgs};
use super::target::live_token::{LiveToken, LiveTokenArgs};
use super::target::session::Session;

/// The arguments of `exec`.
#[derive(Debug, Args)]
#[command(mut_args(|argument| if is_of_serve(&argument) { argument.requires("serve") } else { argument }))]
pub struct ExecArgs {
    /// The secret, and the requirements on its token.
    #[command(flatten)]
    pub token: LiveTokenArgs,
    /// Do not print the token's remaining lifetime to stderr
    #[arg(long, short)]
    pub quiet: bool,
    /// The variable that holds the token, in place of the platform's own
    #[arg(long, value_name = "NAME", value_parser = parse_variable)]
    pub env_name: Option<String>,
    /// Serve the token to the command at a local address while it runs, instead of setting it once; uses --refresh and --wait
    #[arg(long, conflicts_with_all = ["env_name", "verify", "minimum_life", "timeout"])]
    pub serve: bool,
    /// How often the token is read, with --serve.
    #[command(flatten)]
    pub pace: Pace,
    /// The process of the command, in the process of its endpoint.
    #[arg(long, hide = true, requires = "serve")]
    pub endpoint_of: Option<i32>,
    /// Start the process of the endpoint, and end.
    #[arg(long, hide = true, requires = "endpoint_of")]
    pub start: bool,
    /// The command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Replaces this process by the command (`execve`), which keeps signals, streams and exit status. The command inherits
/// this process's environment; the token, its region and its API address are added, and no other field of the secret. With
/// `--serve`, another process stays beside the command.
///
/// # Errors
/// Why the command was not started. A [usage](CommandFailure::usage) failure, a secret that cannot be read, a
/// token that expires too soon, or a command that does not exist or cannot be executed.
pub async fn run(arguments: &ExecArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let Some((program, rest)) = arguments.command.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(CommandFailure::usage("COMMAND is missing", "usage: `genesys-rotator exec SECRET -- COMMAND…`"));
    };
    if arguments.serve {
        let (secret, pace, is_quiet) = (arguments.token.secret.as_str(), arguments.pace, arguments.quiet);
        let child = ChildArgs { secret, pace, is_quiet, command: (program, rest) };
        return match arguments.endpoint_of {
            None => child::run(&child, session),
            Some(command) if arguments.start => Ok(child::start(&child, command, session)),
            Some(command) => Ok(child::serve(&child, command, session).await),
        };
    }
    let token = LiveToken::read(&arguments.token, session).await?;
    let origin = token.origin().await?;
    if let Some(life) = token.life().filter(|_| !arguments.quiet) {
        session.output.note(format_args!("{life}, and is not refreshed while the command runs"));
    }
    let variable = arguments.env_name.as_deref().unwrap_or(origin.token_variable);
    let mut command = Command::new(program);
    command.args(rest).env(variable, token.text()).envs(origin.companions);
    // The copy of the token in `command` ends with this process's memory.
    Err(CommandFailure::not_run(&program.display().to_string(), &command.exec()))
}

fn is_of_serve(argument: &Arg) -> bool {
    ["refresh", "wait"].contains(&argument.get_id().as_str())
}

/// A name that every shell accepts (POSIX, section 8.1).
fn parse_variable(text: &str) -> Result<String, String> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_name =
        !text.is_empty() && text.chars().all(is_word) && !text.starts_with(|letter: char| letter.is_ascii_digit());
    is_name.then(|| text.to_owned()).ok_or_else(|| "expected letters, digits and _, such as API_TOKEN".to_owned())
}
