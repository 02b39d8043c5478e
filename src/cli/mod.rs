//! The command line: one file for each command, over the same rotation that the Lambda function runs.
//!
//! Stdout is the result, stderr is everything else. An error is two lines, `error: what` and
//! `hint: what to do`. Whatever comes from outside (arguments, environment, the two streams, the
//! addresses of a simulator) is handed in by the binary.

pub mod api;
mod arguments;
pub mod check;
pub mod completions;
pub mod demo;
pub mod exec;
mod exit;
pub mod man;
pub mod rotate;
pub mod sim;
pub mod status;
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

/// Reads the arguments, the program's name first, and makes ready what the commands work with.
///
/// # Errors
/// How to exit at once: help was asked for, or the usage is wrong. Both have been printed.
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
    session.start_log();
    Ok((cli.command, session))
}
