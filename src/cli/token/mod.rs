//! `token`: prints a secret's token for a pipeline.

mod forms;
mod github;

use clap::Args;

use self::forms::Form;
use self::github::GithubEnvironment;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{LiveToken, LiveTokenArgs};
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;

/// The arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The secret, and the requirements on its token.
    #[command(flatten)]
    pub token: LiveTokenArgs,
    /// Format of the token [default: raw, or json with --output json]
    #[arg(long, value_enum, value_name = "FORM")]
    pub format: Option<Form>,
    /// Mask the token in the log of a GitHub Actions job, and set this variable for the later steps
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub github_env: Option<String>,
    /// Print the token even if stdout is a terminal
    #[arg(long)]
    pub yes: bool,
}

/// Prints the token, or sets it as a variable of a GitHub Actions job.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, for example if stdout is a terminal; a secret that cannot be read; a token
/// that expires too soon.
pub async fn run(arguments: &TokenArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let form = form(arguments, session.output.format)?;
    let github = arguments.github_env.as_deref().map(|name| GithubEnvironment::open(name, session)).transpose()?;
    if session.output.is_shown && !arguments.yes {
        let hint = "pipe the output to the program that needs it, or run that program with `genesys-rotator exec`; --yes prints the token anyway";
        return Err(CommandFailure::usage("stdout is a terminal, which would show the token", hint));
    }
    let token = LiveToken::read(&arguments.token, session).await?;
    match github {
        Some(github) => github.hand_over(&token, session).await?,
        None => forms::print(&token, form, session).await?,
    }
    Ok(Exit::Done)
}

fn form(arguments: &TokenArgs, output: Format) -> Result<Form, CommandFailure> {
    match (arguments.format, output) {
        (None, Format::Text) => Ok(Form::Raw),
        (None, Format::Json) if arguments.github_env.is_some() => {
            let hint = "remove --output: stdout holds a workflow command for GitHub's runner";
            Err(CommandFailure::usage("--github-env prints no JSON", hint))
        }
        (None | Some(Form::Json), Format::Json) => Ok(Form::Json),
        (Some(form), Format::Text) => Ok(form),
        (Some(_), Format::Json) => {
            Err(CommandFailure::usage("--output json and --format contradict each other", "remove one of them"))
        }
    }
}
