//! `completions`: a script that teaches a shell this command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::Cli;
use super::exit::{Exit, Failure};
use super::terminal::output::Output;

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// None; it has the form of every command.
pub fn run(arguments: &CompletionsArgs, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    output.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
