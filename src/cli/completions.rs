//! `completions`: completion scripts for shells.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::{CommandFailure, Exit};
use super::terminal::output::Output;

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell that the script is for
    pub shell: Shell,
}

/// Prints the completion script of `program`.
///
/// # Errors
/// None; the signature is that of every command.
pub fn run(arguments: &CompletionsArgs, mut program: Command, output: &Output) -> Result<Exit, CommandFailure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, env!("CARGO_PKG_NAME"), &mut script);
    output.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
