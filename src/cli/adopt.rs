//! `adopt`: stores an OAuth client's credentials in a secret without a person seeing them.

use std::time::Duration;

use clap::Args;

use super::exit::{CommandFailure, Exit};
use super::report::Rotation;
use super::target::interruption::{Interrupted, run_until};
use super::target::secret_reference::SecretReference;
use super::target::session::Session;
use super::terminal::confirmation;
use super::terminal::human_time::parse_duration;
use super::terminal::output::Format;
use super::terminal::signals::Signals;
use crate::platform::Platforms;
use crate::rotation::{Deadline, ErrorKind, FoundClient, Result as RotationResult, RotationError, RotationReport};

/// The arguments of `adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The secret for the client's document, new, empty or already the client's: aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    pub secret: String,
    /// The OAuth client whose secret is regenerated
    #[arg(long, value_name = "ID")]
    pub client: String,
    /// The secret with the credentials that may edit the client, which lists it in "rotates": aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(long, value_name = "SECRET")]
    pub admin: String,
    /// Do not ask for the confirmation that regenerating a client secret needs
    #[arg(long, short)]
    pub yes: bool,
    /// Maximum duration: 30s, 5m
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// Regenerates the client's secret, stores the document, and rotates it once.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or an interruption. Errors of the platform and the store are printed.
pub async fn run(arguments: &AdoptArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let id = arguments.client.as_str();
    Platforms::check_client_id(id).map_err(|error| CommandFailure::settings(&error))?;
    let (secret, admin) = (SecretReference::parse(&arguments.secret)?, SecretReference::parse(&arguments.admin)?);
    session.validate_settings(&[secret.store, admin.store]).await?;
    let platforms = session.platforms()?;
    if !arguments.yes && !confirm(id, &secret, session).await? {
        session.output.note("cancelled: nothing was changed");
        return Ok(Exit::Failed);
    }
    let rotator = |secret| session.rotator(secret, platforms.clone());
    let of_admin = rotator(&admin).await.map_err(|error| CommandFailure::settings(&error))?;
    let (mut signals, deadline) = (Signals::listen(), Deadline::after(arguments.timeout));
    let begin = of_admin.begin_adoption(&admin.id, id, deadline);
    let begun = run_until(signals.next(), &of_admin, begin).await.map_err(interruption)?;
    let (adoption, client) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let message = format!("the administrator's secret {}: {}", admin.typed, error.chain());
            let error = RotationError::new(error.kind(), message).with_hint(error.hint().to_owned());
            return Ok(show(&secret, None, Err(error), session));
        }
    };
    let watch = |step| session.output.note(format_args!("{}  {step}", secret.typed));
    let of_secret = rotator(&secret).await.map_err(|error| CommandFailure::settings(&error))?.with_adoption(adoption);
    let adopt = of_secret.adopt(&secret.id, deadline, watch);
    let adopted = run_until(signals.next(), &of_secret, adopt).await.map_err(interruption)?;
    Ok(show(&secret, Some(&client), adopted, session))
}

/// Asks whether the client's present secret may stop working.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure if no person can answer.
async fn confirm(id: &str, secret: &SecretReference, session: &Session) -> Result<bool, CommandFailure> {
    if !confirmation::can_ask() {
        let message = "regenerating a client secret needs a confirmation, and this run cannot ask: standard input or standard error is no terminal";
        return Err(CommandFailure::usage(
            message,
            "add --yes: everything that uses the client's present secret fails from then on, other secrets included",
        ));
    }
    session.output.note(format_args!(
        "The secret of the OAuth client {id} will be regenerated, unless {} already holds one that works. Programs and other secrets that use the present one fail from then on.",
        secret.typed
    ));
    Ok(confirmation::ask().await)
}

fn interruption(interrupted: Interrupted) -> CommandFailure {
    let left = interrupted.left.map_or_else(String::new, |error| {
        format!("; a token of this run was not revoked and stays valid until it expires: {}", error.chain())
    });
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the command was interrupted; the client secret may have been regenerated{left}"),
        hint: "run the command again: it continues where this run ended".to_owned(),
    }
}

fn show(
    secret: &SecretReference,
    client: Option<&FoundClient>,
    adopted: RotationResult<RotationReport>,
    session: &Session,
) -> Exit {
    let id = secret.id.clone();
    let failed =
        |error| RotationReport { secret: id, version: None, steps: Vec::new(), token_life: None, error: Some(error) };
    let mut report = adopted.unwrap_or_else(failed);
    report.error = report.error.map(|error| match error.kind() {
        ErrorKind::DeadlineExceeded => error.with_hint("run the command again, with a longer --timeout: it continues"),
        _ => error,
    });
    let promoted = report.promoted();
    Rotation { typed: secret.typed.clone(), report, revocation: None }.show(&session.output, &session.clock, false);
    if !promoted {
        return Exit::Failed;
    }
    if session.output.format == Format::Text {
        let name = client.and_then(|client| client.name.as_ref());
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        session.output.result(format_args!("  the secret holds the credentials of the OAuth client{name}"));
    }
    Exit::Done
}
