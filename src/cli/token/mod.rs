//! `token`: hand the token that a secret holds to a pipeline.

pub(super) mod current;
mod forms;
mod github;

use clap::{Args, ValueEnum};

use self::current::{CurrentToken, CurrentTokenArgs};
use self::github::GithubEnvironment;
use crate::cli::arguments::Format;
use crate::cli::exit::{Exit, Failure};
use crate::cli::target::session::Session;

/// The arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The secret, and what its token must be good for.
    #[command(flatten)]
    pub token: CurrentTokenArgs,
    /// What to print; raw unless it is given, or json with --output json
    #[arg(long, value_enum, value_name = "FORM")]
    pub format: Option<Form>,
    /// Mask the token in the log of a GitHub Actions job, and set this variable for the steps that follow
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub github_env: Option<String>,
    /// Print it even where stdout is a terminal
    #[arg(long)]
    pub yes: bool,
}

/// What a token is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The token alone, on a line.
    Raw,
    /// `Authorization: Bearer TOKEN`, for `curl -H @-`.
    Header,
    /// Variables as a shell reads them.
    Env,
    /// The fields that the secrets engine answers with.
    Json,
}

/// Prints the token, or writes it to where GitHub Actions looks for variables.
///
/// # Errors
/// A [usage](Failure::usage) failure, stdout being a terminal among them; no token that lives long enough; whatever
/// keeps the secret from being read.
pub async fn run(arguments: &TokenArgs, session: &Session) -> Result<Exit, Failure> {
    let form = form(arguments, session.output.format)?;
    let github = arguments.github_env.as_deref().map(|name| GithubEnvironment::open(name, session)).transpose()?;
    if session.output.is_shown && !arguments.yes {
        let hint = "pipe it to what needs it, or have `genesys-rotator exec` run that; --yes prints it all the same";
        return Err(Failure::usage("stdout is a terminal, which would show the token", hint));
    }
    let token = CurrentToken::read(&arguments.token, session).await?;
    match github {
        Some(github) => github.hand_over(&token, session).await?,
        None => forms::print(&token, form, session).await?,
    }
    Ok(Exit::Done)
}

fn form(arguments: &TokenArgs, output: Format) -> Result<Form, Failure> {
    match (arguments.format, output) {
        (None, Format::Text) => Ok(Form::Raw),
        (None, Format::Json) if arguments.github_env.is_some() => {
            let hint = "leave --output out: what goes to stdout is a command for GitHub's runner";
            Err(Failure::usage("--github-env prints no JSON", hint))
        }
        (None | Some(Form::Json), Format::Json) => Ok(Form::Json),
        (Some(form), Format::Text) => Ok(form),
        (Some(_), Format::Json) => {
            Err(Failure::usage("--output json and --format ask for two different things", "leave one of the two out"))
        }
    }
}
