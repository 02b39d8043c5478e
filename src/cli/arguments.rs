//! The command line's grammar.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::api::ApiArgs;
use super::check::CheckArgs;
use super::completions::CompletionsArgs;
use super::exec::ExecArgs;
use super::exit::{CommandFailure, Exit};
use super::man::ManArgs;
use super::rotate::arguments::RotateArgs;
use super::sim::SimArgs;
use super::status::arguments::StatusArgs;
use super::terminal::output::{Format, Output, one_line};
use super::token::TokenArgs;

const AFTER_HELP: &str = "\
SECRET is aws:NAME_OR_ARN (a bare name means this), vault:MOUNT/PATH or file:PATH.
Exit codes: 0 done, 1 it failed and nothing was promoted, 2 wrong usage; exec ends as its command does.
Environment: ROTATOR_LOGIN_URL and ROTATOR_API_URL replace the platform's addresses; ROTATOR_LOG=debug logs to stderr; \
AWS_* as for every AWS tool, VAULT_* and BAO_* as for Vault and OpenBao.
Nothing to try it on yet? `genesys-rotator demo` needs no account and no network.";

/// Keeps Genesys Cloud API tokens fresh: exchange, validate, and only then promote.
#[derive(Debug, Parser)]
#[command(name = "genesys-rotator", version, after_help = AFTER_HELP, arg_required_else_help = false)]
pub struct Cli {
    /// What the result on stdout looks like
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show three rotations on an embedded simulator: no account, no network, nothing is kept
    Demo,
    /// Rotate secrets now
    Rotate(RotateArgs),
    /// Show versions, labels, time to expiry and the next rotation
    Status(StatusArgs),
    /// Exchange and validate without storing anything, and say what is wrong
    Check(CheckArgs),
    /// Print the secret's token, or give it to the later steps of a GitHub Actions job
    Token(TokenArgs),
    /// Run a command with the secret's token in its environment
    Exec(ExecArgs),
    /// Call the platform's API with the secret's token
    Api(ApiArgs),
    /// Serve the Genesys Cloud and Secrets Manager simulators on loopback until stopped
    Sim(SimArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual's pages, one for each command
    Man(ManArgs),
}

impl Cli {
    /// Reads the arguments, the program's name first. Help and version are printed at once.
    ///
    /// # Errors
    /// How to end: with help, or with a [usage](CommandFailure::usage) failure.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        output: &Output,
    ) -> Result<Self, Result<Exit, CommandFailure>> {
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                output.raw(&error.render().to_string());
                Ok(Exit::Done)
            }
            _ => Err(usage(&error.render().to_string())),
        })
    }
}

/// The parser's message has paragraphs: what is wrong, perhaps a tip, how the command is written.
fn usage(rendered: &str) -> CommandFailure {
    let mut paragraphs = rendered.split("\n\n").map(one_line).filter(|text| !text.is_empty());
    let message = paragraphs.next().unwrap_or_default();
    let rest: Vec<String> = paragraphs.filter(|text| !text.starts_with("For more information")).collect();
    let tips = rest.iter().filter_map(|text| text.strip_prefix("tip: ")).map(|tip| format!("{tip}; "));
    let usage = rest.iter().find_map(|text| text.strip_prefix("Usage: "));
    let usage = usage.map_or_else(String::new, |usage| format!("it is written `{usage}`; "));
    let hint = format!("{}{usage}--help says more", tips.collect::<String>());
    CommandFailure::usage(message.strip_prefix("error: ").unwrap_or(&message), hint)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::terminal::output::tests::Captured;

    fn read(arguments: &[&str]) -> Result<Cli, Result<Exit, CommandFailure>> {
        let arguments = std::iter::once("genesys-rotator").chain(arguments.iter().copied()).map(OsString::from);
        Cli::read(arguments, &Output::to(Captured::default(), Captured::default()))
    }

    fn refused(arguments: &[&str]) -> CommandFailure {
        read(arguments).expect_err("it is wrong").expect_err("it is no help either")
    }

    #[test]
    fn the_grammar_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_output_format_may_stand_anywhere() {
        for arguments in [&["--output", "json", "rotate", "a"][..], &["rotate", "a", "--output=json"]] {
            assert_eq!(read(arguments).expect("it is right").output, Format::Json);
        }
    }

    #[test]
    fn wrong_usage_is_one_sentence_and_one_hint() {
        let failure = refused(&["rotate"]);
        assert_eq!(failure.message, "the following required arguments were not provided: <SECRET>...");
        assert_eq!(failure.hint, "it is written `genesys-rotator rotate <SECRET>...`; --help says more");
        let failure = refused(&["rotate", "a", "--locale"]);
        assert!(failure.hint.starts_with("a similar argument exists: '--local'; "), "{}", failure.hint);
        assert!(refused(&[]).message.contains("requires a subcommand"), "{}", refused(&[]).message);
        assert!(refused(&["rotate", "a", "--timeout", "0"]).message.contains("write 30s, 5m or 1h"));
        assert!(refused(&["rotate", "a", "--concurrency", "0"]).message.contains("--concurrency"));
        assert_eq!(refused(&["no-such"]).exit, Exit::WrongUsage);
    }

    #[test]
    fn help_is_a_result() {
        for arguments in [&["--help"][..], &["--version"], &["rotate", "-h"], &["help", "sim"]] {
            assert!(matches!(read(arguments), Err(Ok(Exit::Done))), "{arguments:?}");
        }
    }
}
