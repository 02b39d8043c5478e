//! The command line: a file or folder for each command, over the same rotation as the Lambda function.
//!
//! Stdout is the result, stderr everything else. An error is two lines, `error: what` and `hint: what to do`. The binary
//! passes in arguments, environment, streams and the addresses of the simulators.
//!
//! The feature `demo` compiles the command `demo` alone, with the output that it needs.

#[cfg(feature = "cli")]
pub mod adopt;
#[cfg(feature = "cli")]
pub mod api;
#[cfg(feature = "cli")]
mod arguments;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod completions;
pub mod demo;
#[cfg(feature = "cli")]
pub mod doctor;
#[cfg(feature = "cli")]
pub mod exec;
mod exit;
#[cfg(feature = "cli")]
pub mod init;
#[cfg(feature = "cli")]
pub mod man;
mod report;
#[cfg(feature = "cli")]
pub mod revoke;
#[cfg(feature = "cli")]
pub mod rotate;
#[cfg(feature = "cli")]
pub mod serve;
#[cfg(feature = "cli")]
pub mod sim;
#[cfg(feature = "cli")]
pub mod status;
#[cfg(feature = "cli")]
pub mod support;
#[cfg(feature = "cli")]
mod target;
mod terminal;
#[cfg(feature = "cli")]
pub mod token;
mod token_life;

#[cfg(feature = "cli")]
use std::ffi::OsString;
#[cfg(feature = "cli")]
use std::process::ExitCode;

#[cfg(feature = "cli")]
pub use arguments::{Cli, Command};
pub use exit::{CommandFailure, Exit};
#[cfg(feature = "cli")]
pub use sim::SimArgs;
#[cfg(feature = "cli")]
pub use target::session::Session;
pub use terminal::output::Output;

/// Parses the arguments, starting with the program name, and opens the session.
///
/// # Errors
/// The exit code, after help, version or a usage error has been printed.
#[cfg(feature = "cli")]
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
