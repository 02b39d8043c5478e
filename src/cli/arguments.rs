//! The grammar of the command line.

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::adopt::AdoptArgs;
use super::api::ApiArgs;
use super::check::CheckArgs;
use super::completions::CompletionsArgs;
use super::doctor::DoctorArgs;
use super::exec::ExecArgs;
use super::exit::{CommandFailure, Exit};
use super::init::InitArgs;
use super::man::ManArgs;
use super::revoke::arguments::RevokeArgs;
use super::rotate::arguments::RotateArgs;
use super::serve::arguments::ServeArgs;
use super::sim::SimArgs;
use super::status::arguments::StatusArgs;
use super::support::SupportArgs;
use super::terminal::output::{Format, Output};
use super::terminal::printable::one_line;
use super::token::TokenArgs;

const AFTER_HELP: &str = "\
SECRET is aws:NAME_OR_ARN (a bare name means the same), vault:MOUNT/PATH or file:PATH.
Exit codes: 0 success, 1 failure (readers of a failed secret keep their current token), 2 wrong usage; exec exits with the status of its command.
Environment: ROTATOR_LOGIN_URL and ROTATOR_API_URL replace the platform's addresses; ROTATOR_LOG=info (or error, warn) logs to stderr; \
AWS_* as for every AWS tool, VAULT_* and BAO_* as for Vault and OpenBao.
To try it without an account and without a network, run `genesys-rotator demo`.";

/// The version, the commit if the build named one in `ROTATOR_COMMIT`, and the system that it was built for.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let libc = if cfg!(target_env = "musl") { "-musl" } else { "" };
    let target = format!("{}-{}{libc}", std::env::consts::ARCH, std::env::consts::OS);
    let version = env!("CARGO_PKG_VERSION");
    option_env!("ROTATOR_COMMIT")
        .map_or_else(|| format!("{version} ({target})"), |commit| format!("{version} ({commit}, {target})"))
});

/// Keeps Genesys Cloud API tokens fresh: exchange, validate, and only then promote.
#[derive(Debug, Parser)]
#[command(name = "genesys-rotator", version = VERSION.as_str(), after_help = AFTER_HELP, arg_required_else_help = false)]
pub struct Cli {
    /// Format of the result on stdout
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show three rotations on an embedded simulator; needs no account and no network, and stores nothing
    Demo,
    /// Write a document: asks for region and client credentials and checks them; without a terminal, prints an example
    Init(InitArgs),
    /// Store an OAuth client's credentials in a secret without a person seeing them: regenerates the client secret
    Adopt(AdoptArgs),
    /// Rotate secrets now
    Rotate(RotateArgs),
    /// End a leaked token, or all tokens of an OAuth client
    Revoke(RevokeArgs),
    /// Show versions, labels, token expiry and the next rotation
    Status(StatusArgs),
    /// Exchange and validate a token without storing it, and report what is wrong
    Check(CheckArgs),
    /// Compare what the live services answer with what the rotation handles
    Doctor(DoctorArgs),
    /// Print the secret's token, or set it for the later steps of a GitHub Actions job
    Token(TokenArgs),
    /// Run a command with the secret's token in its environment
    Exec(ExecArgs),
    /// Hand out the current tokens of secrets at a local address, and forward calls to the platform's API
    Serve(ServeArgs),
    /// Call the platform's API with the secret's token
    Api(ApiArgs),
    /// Run the Genesys Cloud and Secrets Manager simulators on loopback until interrupted
    Sim(SimArgs),
    /// Print versions, settings and the state of secrets for a support request, without any secret
    Support(SupportArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages, one for each command
    Man(ManArgs),
}

impl Cli {
    /// Parses the arguments, starting with the program name. Prints help and version.
    ///
    /// # Errors
    /// How to exit: after help or version, or with a [usage](CommandFailure::usage) failure.
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

/// Converts clap's message, whose paragraphs are the error, optional tips and the usage line.
fn usage(rendered: &str) -> CommandFailure {
    let mut paragraphs = rendered.split("\n\n").map(one_line).filter(|text| !text.is_empty());
    let message = paragraphs.next().unwrap_or_default();
    let rest: Vec<String> = paragraphs.filter(|text| !text.starts_with("For more information")).collect();
    let tips = rest.iter().filter_map(|text| text.strip_prefix("tip: ")).map(|tip| format!("{tip}; "));
    let usage = rest.iter().find_map(|text| text.strip_prefix("Usage: "));
    let usage = usage.map_or_else(String::new, |usage| format!("usage: `{usage}`; "));
    let hint = format!("{}{usage}see --help", tips.collect::<String>());
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

    fn usage_failure(arguments: &[&str]) -> CommandFailure {
        read(arguments).expect_err("parsing fails").expect_err("no help is printed")
    }

    #[test]
    fn the_grammar_passes_the_assertions_of_clap() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_output_option_is_accepted_before_and_after_the_command() {
        for arguments in [&["--output", "json", "rotate", "a"][..], &["rotate", "a", "--output=json"]] {
            assert_eq!(read(arguments).expect("parsing succeeds").output, Format::Json);
        }
    }

    #[test]
    fn every_duration_may_have_a_unit() {
        for arguments in [
            &["status", "a", "--watch", "2d"][..],
            &["status", "a", "--watch", "30"],
            &["status", "a", "--warn", "2d"],
            &["sim", "--token-lifetime", "900"],
            &["sim", "--token-lifetime", "2d"],
            &["rotate", "a", "--timeout", "2d", "--older-than", "2d", "--jitter", "2d"],
            &["token", "a", "--minimum-life", "2d"],
        ] {
            assert!(read(arguments).is_ok(), "{arguments:?}");
        }
        for wrong in ["0", "x", "-1"] {
            assert!(usage_failure(&["status", "a", &format!("--watch={wrong}")]).message.contains("30s, 5m, 1h or 2d"));
        }
    }

    #[test]
    fn wrong_usage_is_one_message_and_one_hint() {
        let failure = usage_failure(&["rotate"]);
        assert_eq!(failure.message, "the following required arguments were not provided: <SECRET>...");
        assert_eq!(failure.hint, "usage: `genesys-rotator rotate <SECRET>...`; see --help");
        let failure = usage_failure(&["rotate", "a", "--locale"]);
        assert!(failure.hint.starts_with("a similar argument exists: '--local'; "), "{}", failure.hint);
        assert!(usage_failure(&[]).message.contains("requires a subcommand"), "{}", usage_failure(&[]).message);
        assert!(usage_failure(&["rotate", "a", "--timeout", "0"]).message.contains("30s, 5m, 1h or 2d"));
        assert!(usage_failure(&["rotate", "a", "--concurrency", "0"]).message.contains("--concurrency"));
        assert_eq!(usage_failure(&["no-such"]).exit, Exit::WrongUsage);
    }

    #[test]
    fn help_and_version_exit_with_0() {
        for arguments in [&["--help"][..], &["--version"], &["rotate", "-h"], &["help", "sim"]] {
            assert!(matches!(read(arguments), Err(Ok(Exit::Done))), "{arguments:?}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::terminal::output::tests::Captured;

    proptest! {
        #[test]
        fn no_arguments_panic_and_wrong_usage_is_one_message_and_one_hint(
            arguments in vec(
                prop_oneof![
                    any::<String>(),
                    prop::sample::select(vec![
                        "rotate", "revoke", "status", "check", "token", "--client", "exec", "api", "sim", "--output", "json", "--all", "--timeout",
                        "1h", "--", "GET", "/api/v2/x", "file:x", "--tag", "a=b", "--local", "--watch", "--yes", "-h",
                    ])
                    .prop_map(str::to_owned),
                ],
                0..6,
            ),
        ) {
            let arguments = std::iter::once("genesys-rotator".to_owned()).chain(arguments).map(OsString::from);
            match Cli::read(arguments, &Output::to(Captured::default(), Captured::default())) {
                Ok(_) | Err(Ok(Exit::Done)) => {}
                Err(Err(failure)) => {
                    prop_assert_eq!(failure.exit, Exit::WrongUsage);
                    prop_assert!(!failure.message.is_empty() && failure.hint.ends_with("see --help"));
                }
                Err(Ok(exit)) => prop_assert!(false, "{exit:?}"),
            }
        }
    }
}
