//! `api`: calls the platform's API with a secret's token.

mod body;
mod caller;
mod pages;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use tokio::time::{Instant, sleep_until};

use self::caller::{CallError, Caller};
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::interruption::until_answered;
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::parse_duration;
use crate::cli::terminal::signals::Signals;
use crate::platform::ApiCall;
use crate::rotation::{Deadline, ErrorKind, RotationError};

/// The arguments of `api`.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    pub secret: String,
    /// GET, HEAD, POST, PUT, PATCH or DELETE
    #[arg(value_parser = parse_method)]
    pub method: Method,
    /// Path, such as /api/v2/users/me, or full URL
    pub path: String,
    /// Follow the links to the next pages, and print one page per line
    #[arg(long)]
    pub paginate: bool,
    /// Maximum number of pages
    #[arg(long, default_value = "1000", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_pages: u32,
    /// File with the JSON body, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// Timeout for all pages and retries: 30s, 5m, 1h
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// Sends the request and prints the response as it arrives.
///
/// If the platform rejects the secret's token, a temporary token is issued for this call and revoked at its end. The
/// secret does not change.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the error of the call, after the body of an error response was printed.
pub async fn run(arguments: &ApiArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let secret = SecretReference::parse(&arguments.secret)?;
    check(arguments)?;
    let body = arguments.body.as_deref().map(body::read).transpose()?;
    let (deadline, end) = (Deadline::after(arguments.timeout), Instant::now() + arguments.timeout);
    let mut caller = Caller::begin(&secret, session, deadline).await?;
    let path = caller.api.path(&arguments.path).map_err(|error| CommandFailure::settings(&error))?;
    let call = ApiCall { method: arguments.method.clone(), path, body };
    let mut signals = Signals::listen();
    let rollbacks = caller.rollbacks();
    let stopped = async {
        tokio::select! {
            () = signals.next() => interruption(),
            () = sleep_until(end) => out_of_time(),
        }
    };
    let ended = until_answered(stopped, &rollbacks, send(&mut caller, call, arguments)).await;
    caller.end().await;
    let error = match ended {
        Ok(Ok(exit)) => return Ok(exit),
        Ok(Err(error)) => error,
        Err((error, None)) => error.into(),
        Err((error, Some(left))) => {
            RotationError::new(error.kind(), format!("{error}; {left}")).with_hint(error.hint().to_owned()).into()
        }
    };
    if let Some(refusal) = &error.refusal {
        session.output.foreign(refusal.body());
    }
    let message = format!("{}: {}", secret.typed, error.cause.chain());
    Err(CommandFailure { exit: Exit::Failed, message, hint: error.cause.hint().to_owned() })
}

async fn send(caller: &mut Caller<'_>, call: ApiCall, arguments: &ApiArgs) -> Result<Exit, CallError> {
    if arguments.paginate {
        return pages::print(caller, call, arguments.max_pages).await;
    }
    let mut body = caller.call(&call).await?;
    let mut ends_a_line = true;
    while let Some(piece) = body.next().await? {
        ends_a_line = piece.last().map_or(ends_a_line, |last| *last == b'\n');
        // A reader that closes the pipe early has what it needs.
        if !caller.output.foreign(&piece) {
            break;
        }
    }
    // The prompt of a shell begins on a line of its own; a pipe gets the body unchanged.
    if caller.output.is_shown && !ends_a_line {
        caller.output.raw("\n");
    }
    Ok(Exit::Done)
}

/// Rejects combinations of arguments that the platform would reject or ignore.
fn check(arguments: &ApiArgs) -> Result<(), CommandFailure> {
    let method = &arguments.method;
    if arguments.paginate && method != Method::GET {
        let hint = "use GET; for a POST that returns a list, request each page with the paging fields of its body";
        return Err(CommandFailure::usage(
            format!("--paginate follows links by GET and cannot be combined with {method}"),
            hint,
        ));
    }
    if arguments.body.is_some() && (method == Method::GET || method == Method::HEAD) {
        return Err(CommandFailure::usage(
            format!("{method} has no body, but --body is given"),
            "put the parameters into the query of the path",
        ));
    }
    Ok(())
}

fn parse_method(text: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let found = known.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "expected GET, HEAD, POST, PUT, PATCH or DELETE".to_owned())
}

fn interruption() -> RotationError {
    RotationError::new(ErrorKind::DeadlineExceeded, "the call was interrupted")
        .with_hint("the platform may have executed the call: check before you repeat it")
}

fn out_of_time() -> RotationError {
    RotationError::new(ErrorKind::DeadlineExceeded, "the timeout passed before the end of the response")
        .with_hint("the printed response is incomplete: raise --timeout, or request less")
}
