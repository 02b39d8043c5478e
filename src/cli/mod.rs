//! The command line: a file or folder for each command, over the same rotation as the Lambda function.
//!
//! Stdout is the result, stderr everything else. An error is two lines, `error: what` and `hint: what to do`. The binary
//! passes in arguments, environment, streams and the addresses of the simulators.

pub mod adopt;
pub mod api;
mod arguments;
pub mod check;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod exec;
mod exit;
pub mod init;
pub mod man;
pub mod revoke;
pub mod rotate;
pub mod serve;
pub mod sim;
pub mod status;
pub mod support;
mod target;
mod terminal;
pub mod token;
mod token_life;

use std::ffi::OsString;
use std::process::ExitCode;

use terminal::output::Output;

pub use arguments::{Cli, Command};
pub use exit::{CommandFailure, Exit};
pub use sim::SimArgs;
pub use target::session::Session;

/// Parses the arguments, starting with the program name, and opens the session.
///
/// # Errors
/// The exit code, after help, version or a usage error has been printed.
pub fn open(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> Result<(Command, Session), ExitCode> {
    let mut output = Output::standard(&environment);
    let cli = match Cli::read(arguments, &output) {
        Ok(cli) => cli,
        Err(ended) => return Err(output.end(ended)),
    };
    output.format = cli.output;
    let mut session = Session::new(output, environment);
    match session.start_log() {
        Ok(()) => Ok((cli.command, session)),
        Err(failure) => Err(session.output.end(Err(failure))),
    }
}
