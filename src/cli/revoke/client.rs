//! `revoke --client ID --admin SECRET`: disables an OAuth client, which ends all of its tokens, or enables it.

use serde::Serialize;

use super::arguments::{RevokeArgs, in_time};
use crate::cli::exit::{CommandFailure, ErrorJson, Exit};
use crate::cli::target::interruption::{Interrupted, run_until};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::confirmation;
use crate::cli::terminal::output::{Format, Output};
use crate::cli::terminal::signals::Signals;
use crate::platform::Platforms;
use crate::rotation::{ClientChange, ClientState, Deadline, ErrorKind, Result as RotationResult, RotationError};

#[derive(Serialize)]
struct ClientJson<'a> {
    client_id: &'a str,
    client_name: Option<&'a str>,
    /// The state that was read back; null if the command could not set it.
    state: Option<&'static str>,
    previous_state: Option<&'static str>,
    /// Whether the platform rejects the token on standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_rejected: Option<bool>,
    error: Option<ErrorJson>,
}

/// # Errors
/// A [usage](CommandFailure::usage) failure, or an interruption. Other errors are printed.
pub(super) async fn run(id: &str, arguments: &RevokeArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let Some(admin) = &arguments.admin else {
        return Err(CommandFailure::usage(
            "--admin is missing",
            "name the secret whose client may edit the OAuth client",
        ));
    };
    Platforms::check_client_id(id).map_err(|error| CommandFailure::settings(&error))?;
    let admin = SecretReference::parse(admin)?;
    let platforms = session.platforms()?;
    let rotator = session.rotator(&admin, platforms).await.map_err(|error| CommandFailure::settings(&error))?;
    let needs_confirmation = !arguments.enable && !arguments.yes;
    if needs_confirmation && (arguments.token.is_some() || !confirmation::can_ask()) {
        let message = "disabling a client needs a confirmation, and this run cannot ask: standard input or standard error is no terminal";
        return Err(CommandFailure::usage(message, "add --yes: all tokens of the client end, and it gets no new ones"));
    }
    let token = arguments.token.map(|source| source.read()).transpose()?;
    if needs_confirmation {
        session.output.note(format_args!(
            "The OAuth client {id} will be disabled: its tokens end for all readers, and neither rotations nor others get new ones."
        ));
        if !confirmation::ask().await {
            session.output.note("cancelled: nothing was changed");
            return Ok(Exit::Failed);
        }
    }
    let state = if arguments.enable { ClientState::Active } else { ClientState::Disabled };
    let deadline = Deadline::after(arguments.timeout);
    let change = rotator.set_client_state(&admin.id, id, state, token.as_ref(), deadline);
    let changed = run_until(Signals::listen().next(), &rotator, change).await.map_err(interruption)?;
    Ok(show(id, state, &admin, changed.map_err(in_time), &session.output))
}

fn interruption(interrupted: Interrupted) -> CommandFailure {
    let left = interrupted.left.map_or_else(String::new, |error| {
        format!("; the admin's token of this run was not revoked and stays valid until it expires: {}", error.chain())
    });
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the command was interrupted; the client's state may have changed{left}"),
        hint: "run the command again: it reads the state first".to_owned(),
    }
}

fn show(
    id: &str,
    state: ClientState,
    admin: &SecretReference,
    changed: RotationResult<ClientChange>,
    output: &Output,
) -> Exit {
    let change = changed.as_ref().ok();
    let token = change.and_then(|change| change.token.as_ref());
    let error = match &changed {
        Ok(_) => token.and_then(|token| token.as_ref().err()).map(|error| token_not_ended(id, state, error)),
        Err(error) => Some(explained(admin, error)),
    };
    match output.format {
        Format::Json => output.json(&ClientJson {
            client_id: id,
            client_name: change.and_then(|change| change.before.name.as_deref()),
            state: change.map(|_| state.name()),
            previous_state: change.map(|change| change.before.state.name()),
            token_rejected: token.map(Result::is_ok),
            error: error.as_ref().map(ErrorJson::from),
        }),
        Format::Text => show_text(id, state, change, output),
    }
    if let Some(error) = error {
        output.error(&error.chain(), error.hint());
        return Exit::Failed;
    }
    if state == ClientState::Disabled {
        let message = format!("rotations and readers of the client {id} fail until it is enabled again");
        let hint = format!(
            "once it is enabled, its secret gets tokens again: if that leaked, first use Generate New Secret (Admin > Integrations > OAuth); then run `genesys-rotator revoke --client {id} --admin {} --enable`, and rotate",
            admin.typed
        );
        output.warning(&message, &hint);
    }
    Exit::Done
}

fn show_text(id: &str, state: ClientState, change: Option<&ClientChange>, output: &Output) {
    let Some(ClientChange { before, token }) = change else {
        let verb = if state == ClientState::Disabled { "disable" } else { "enable" };
        return output.marked("", false, format_args!("{verb} the OAuth client {id}"));
    };
    let name = before.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let ends = if state == ClientState::Disabled { "; the platform ends all of its tokens" } else { "" };
    output.marked("", true, format_args!("the OAuth client {id}{name} is {state} (before: {}){ends}", before.state));
    match token {
        Some(Ok(())) => output.marked("", true, "the platform rejects the token on standard input"),
        Some(Err(_)) => output.marked("", false, "the token on standard input is rejected"),
        None => {}
    }
}

fn explained(admin: &SecretReference, error: &RotationError) -> RotationError {
    RotationError::new(error.kind(), format!("{}: {}", admin.typed, error.chain())).with_hint(error.hint().to_owned())
}

fn token_not_ended(id: &str, state: ClientState, error: &RotationError) -> RotationError {
    if error.kind() == ErrorKind::TokenRejected {
        let unknown = "whether the token on standard input was this client's is unknown";
        let message = format!("the client {id} is {state}; {unknown}: {}", error.chain());
        return RotationError::new(error.kind(), message).with_hint(error.hint().to_owned());
    }
    let message =
        format!("the client {id} is {state}, but the token on standard input may be valid: {}", error.chain());
    RotationError::new(error.kind(), message).with_hint(
        "it may belong to another client: `genesys-rotator revoke --token - --region REGION` says whose it is and ends it",
    )
}
