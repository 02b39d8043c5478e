//! `api`: call the platform with the token that a secret holds.

mod body;
mod caller;
mod pages;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use tokio::signal::unix::{SignalKind, signal};

use self::caller::{Caller, Unsuccessful};
use crate::cli::exit::{CommandFailure, Exit, sentence};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::parse_duration;
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
    /// A path such as /api/v2/users/me, or its whole URL
    pub path: String,
    /// Follow the links to further pages, and print one page a line
    #[arg(long)]
    pub paginate: bool,
    /// The most pages to ask for
    #[arg(long, default_value = "1000", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_pages: u32,
    /// A file with the JSON to send, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// How long it may take, with all its pages and tries: 30s, 5m, 1h
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// Makes the call, and prints the answer as it arrives.
///
/// A token that is not accepted any more is replaced by one made for this call alone, which is revoked at its end; the
/// secret stays as it is.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or why there was no success. The answer of a refusal has been printed then.
pub async fn run(arguments: &ApiArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let secret = SecretReference::parse(&arguments.secret)?;
    check(arguments)?;
    let body = arguments.body.as_deref().map(body::read).transpose()?;
    let deadline = Deadline::after(arguments.timeout);
    let mut caller = Caller::begin(&secret, session, deadline).await?;
    let path = caller.api.path(&arguments.path).map_err(|error| CommandFailure::settings(&error))?;
    let call = ApiCall { method: arguments.method.clone(), path, body };
    let ended = tokio::select! {
        ended = tokio::time::timeout(arguments.timeout, carry_out(&mut caller, call, arguments)) => ended,
        () = interrupted() => Ok(Err(stopped().into())),
    };
    caller.end().await;
    let unsuccessful = match ended {
        Ok(Ok(exit)) => return Ok(exit),
        Ok(Err(unsuccessful)) => unsuccessful,
        Err(_) => out_of_time().into(),
    };
    if let Some(refusal) = &unsuccessful.refusal {
        session.output.bytes(refusal.body());
    }
    let message = format!("{}: {}", secret.typed, sentence(&unsuccessful.error));
    Err(CommandFailure { exit: Exit::Failed, message, hint: unsuccessful.error.hint().to_owned() })
}

async fn carry_out(caller: &mut Caller<'_>, call: ApiCall, arguments: &ApiArgs) -> Result<Exit, Unsuccessful> {
    if arguments.paginate {
        return pages::print(caller, call, arguments.max_pages).await;
    }
    let mut body = caller.call(&call).await?;
    while let Some(piece) = body.next().await? {
        // Whoever closed the pipe has read what they wanted.
        if !caller.output.bytes(&piece) {
            break;
        }
    }
    Ok(Exit::Done)
}

/// What would only be found out at the platform, or make no sense there.
fn check(arguments: &ApiArgs) -> Result<(), CommandFailure> {
    let method = &arguments.method;
    if arguments.paginate && method != Method::GET {
        let hint = "page by page through the body's own paging where a POST asks for a list";
        return Err(CommandFailure::usage(
            format!("--paginate follows links by GET, and cannot go with {method}"),
            hint,
        ));
    }
    if arguments.body.is_some() && (method == Method::GET || method == Method::HEAD) {
        return Err(CommandFailure::usage(
            format!("{method} takes no --body"),
            "put what it asks for into the path's query",
        ));
    }
    Ok(())
}

fn parse_method(text: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let found = known.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "write GET, HEAD, POST, PUT, PATCH or DELETE".to_owned())
}

/// The first SIGINT or SIGTERM; never where this process may not listen for them.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn stopped() -> RotationError {
    RotationError::new(ErrorKind::DeadlineExceeded, "the call was stopped before its end")
        .with_hint("a call that changes something may have been carried out: look before you repeat it")
}

fn out_of_time() -> RotationError {
    RotationError::new(ErrorKind::DeadlineExceeded, "the time ran out before the end of the answer")
        .with_hint("give it more time with --timeout, or ask for less; what was printed is not the whole")
}
