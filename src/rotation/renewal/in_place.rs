//! In-place rotation: a client's only secret is regenerated. The stored secret is invalid until the promotion.
//!
//! Everything that can fail without regenerating is tried first, with a token of the old secret. That token is stored in
//! the write-ahead entry, and then the new secret as soon as it is known. So a lost answer or a crash is recoverable: the
//! next attempt uses the new secret, or regenerates it with the token.

use std::time::Duration;

use super::intent::Intent;
use crate::rotation::credentials::keys::{Credentials, KeyPair};
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::{Document, LARGEST_VALUE};
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::StepRequest;
use crate::rotation::tokens::exchange::NewToken;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::Undo;
use crate::rotation::version::labels::{AHEAD, Description, VersionId};
use crate::secret::{ExposeSecret, SecretString, same};

/// The part of the lease that is left for storing the new secret.
const WRITE: Duration = Duration::from_secs(10);
/// The number of bytes by which a new secret and a new token may be longer than the old ones.
const SPARE_BYTES: usize = 1024;

/// Regenerates the client's secret and returns the document with it. Requests that must end with the lease use `sending`.
pub(crate) async fn regenerate(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: Document,
    described: &Description,
    sending: Deadline,
    deadline: Deadline,
) -> Result<Document> {
    let before = sending.earlier_by(WRITE);
    let credentials = rotator.credentials(&document, described, sending).await?;
    let id = credentials.id();
    let (interrupted, renewed) = match resume(rotator, request, &document, described, id, sending).await? {
        Ok(renewed) => return Ok(renewed),
        Err(left) => (left.intent, left.renewed),
    };
    let interrupted = (interrupted, renewed.is_some());
    let (intent, token) = write_ahead(rotator, request, &document, &credentials, interrupted, sending).await?;
    // After an interruption, the answer may still arrive and is stored.
    let _request = rotator.rollbacks.begin_request();
    let secret = rotator.tokens().regenerate(&credentials.place(), id, &token, before).await;
    let secret = match (secret, renewed) {
        (Err(error), Some(renewed)) if error.kind() == ErrorKind::TokenRejected => {
            // The new secret of the interrupted rotation is the last one that may work.
            let (tokens, credentials) = (rotator.tokens(), renewed.credentials()?);
            let issued = tokens.issue_once_propagated(&credentials, &TokenKind::Access, deadline).await;
            return issued.map(|_| renewed).map_err(|error| with_recovery(error, id));
        }
        (secret, _) => secret.map_err(|error| with_recovery(error, id))?,
    };
    write_secret(rotator, request, &intent.with_secret(&secret), sending).await;
    document.with_client(&KeyPair { id: id.to_owned(), secret })
}

/// Regenerates the secret of the client that is adopted with the administrator's credentials, and returns the document with
/// it. After a lost answer or a crash, the next attempt uses the new secret, or regenerates it again.
///
/// # Errors
/// `DocumentInvalid` in a rotation that adopts no client, or another one.
pub(crate) async fn adopt(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: Document,
    described: &Description,
    sending: Deadline,
) -> Result<Document> {
    let Some(adoption) = &rotator.adoption else { return document.credentials().map(|_| document) };
    document.check_adoption(adoption)?;
    let id = adoption.client_id.as_str();
    let left = match resume(rotator, request, &document, described, id, sending).await? {
        Ok(renewed) => return Ok(renewed),
        Err(left) => left,
    };
    check_capacity(rotator, request, &document.to_value()?, sending).await?;
    let (tokens, place) = (rotator.tokens(), adoption.admin.place());
    let authorization = tokens.exchange(&adoption.admin, sending).await?;
    // After an interruption, the answer may still arrive and is stored.
    let _request = rotator.rollbacks.begin_request();
    let token = &authorization.token.access_token;
    let secret = tokens.regenerate(&place, id, token, sending.earlier_by(WRITE)).await?;
    write_secret(rotator, request, &Intent::of_adoption(id).with_secret(&secret), sending).await;
    if let Some(token) = left.intent.as_ref().and_then(Intent::token) {
        rotator.rollbacks.schedule(Undo::RevokeToken { place, token, staged_as: None });
    }
    document.with_client(&KeyPair { id: id.to_owned(), secret })
}

/// What an interrupted rotation left: its write-ahead entry, and the document with the secret of that entry.
struct LeftOver {
    intent: Option<Intent>,
    renewed: Option<Document>,
}

/// Returns the document with the secret of the write-ahead entry, if the platform accepts it.
async fn resume(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: &Document,
    described: &Description,
    id: &str,
    sending: Deadline,
) -> Result<std::result::Result<Document, LeftOver>> {
    let intent = match described.holder(AHEAD) {
        Some(_) => read_intent(rotator, request, sending).await?.filter(|intent| intent.client_id == id),
        None => None,
    };
    let renewed = intent.as_ref().and_then(Intent::secret);
    let renewed = renewed.map(|secret| document.with_client(&KeyPair { id: id.to_owned(), secret })).transpose()?;
    let renewed = renewed.filter(|renewed| !document.is_same_as(renewed));
    if let Some(renewed) = &renewed {
        match rotator.tokens().issue(&renewed.credentials()?, &TokenKind::Access, sending).await {
            Ok(_) => return Ok(Ok(renewed.clone())),
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Err(LeftOver { intent, renewed }))
}

/// Writes the entry with the new secret. If this write fails, staging may still store the secret.
async fn write_secret(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    intent: &Intent,
    sending: Deadline,
) {
    if let Err(error) = write_intent(rotator, request, intent, sending).await {
        let kind = error.kind().name();
        tracing::warn!(error.r#type = kind, "the new client secret is not in the write-ahead entry: {}", error.chain());
    }
}

/// Stores a token that can regenerate the secret. `interrupted` is the entry of an interrupted rotation, and whether its
/// secret is kept: it may not have propagated yet.
async fn write_ahead(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: &Document,
    credentials: &Credentials,
    (interrupted, is_kept): (Option<Intent>, bool),
    sending: Deadline,
) -> Result<(Intent, SecretString)> {
    let left = interrupted.as_ref().and_then(Intent::token);
    let new = match token_of_old_secret(rotator, request, document, credentials, sending).await {
        Ok(new) => new,
        // An earlier attempt regenerated the secret, and its answer was lost.
        Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
            return interrupted.zip(left).ok_or(error);
        }
        Err(error) => return Err(error),
    };
    let kept = interrupted.as_ref().filter(|_| is_kept);
    let intent = Intent::new(credentials.id(), &new.token.access_token, kept);
    write_intent(rotator, request, &intent, sending).await?;
    new.guard.commit();
    if let Some(token) = left {
        rotator.rollbacks.schedule(Undo::RevokeToken { place: credentials.place(), token, staged_as: None });
    }
    Ok((intent, new.token.access_token))
}

/// Tries everything that can fail without regenerating the secret.
async fn token_of_old_secret(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: &Document,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<NewToken> {
    let new = rotator.tokens().issue_valid(credentials, &TokenKind::Access, &document.probes()?, deadline).await?;
    let value = document.with_token(&new.token, new.requested_at)?.to_value()?;
    check_capacity(rotator, request, &value, deadline).await?;
    Ok(new)
}

/// Checks that the store has room for the document with a new secret.
async fn check_capacity(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    value: &SecretString,
    deadline: Deadline,
) -> Result<()> {
    if value.expose_secret().len() + SPARE_BYTES > LARGEST_VALUE {
        let message =
            format!("the secret's value is too large for an in-place rotation: {SPARE_BYTES} bytes must be left");
        return Err(
            RotationError::new(ErrorKind::DocumentInvalid, message).with_hint("move large fields to another secret")
        );
    }
    let room = || rotator.store.check_room(&request.secret);
    rotator.retries.run("count the secret's versions", deadline, room).await
}

async fn read_intent(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<Option<Intent>> {
    let read = || rotator.store.read_intent(&request.secret);
    let stored = rotator.retries.run("read the write-ahead entry", deadline, read).await?;
    Ok(stored.as_ref().and_then(Intent::parse))
}

async fn write_intent(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    intent: &Intent,
    deadline: Deadline,
) -> Result<()> {
    // A repeated write has the same id: if the first one is carried out late, it changes nothing.
    let (id, value, token) = (VersionId::random(), intent.to_value()?, request.rotation_token.as_ref());
    let write = || rotator.store.write_intent(&request.secret, &id, &value, token);
    rotator.retries.run("write the write-ahead entry", deadline, write).await
}

/// Revokes the token of the write-ahead entry and deletes the entry, if readers read its secret. Any other entry may be
/// the only copy of a secret. A failure is logged.
pub(crate) async fn clear_intent(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    deadline: Deadline,
) {
    let Some(id) = described.holder(AHEAD) else { return };
    let clear = async {
        let Some(intent) = read_intent(rotator, request, deadline).await? else { return Ok(()) };
        let current = rotator.read("read the current version", &request.secret, VersionSelector::Current, deadline);
        let Some(current) = current.await? else { return Ok(()) };
        let credentials = Document::parse(&current)?.credentials()?;
        if !holds(&credentials, &intent) {
            return Ok(());
        }
        if let Some(token) = intent.token() {
            rotator.tokens().discard(&credentials, &token, deadline).await;
        }
        let clear = || rotator.store.clear_intent(&request.secret, id);
        rotator.retries.run("delete the write-ahead entry", deadline, clear).await
    };
    let cleared: Result<()> = clear.await;
    if let Err(error) = cleared {
        let kind = error.kind().name();
        tracing::warn!(error.r#type = kind, "the write-ahead entry could not be deleted: {}", error.chain());
    }
}

fn holds(credentials: &Credentials, intent: &Intent) -> bool {
    let Credentials::GenesysCloud { client, .. } = credentials else { return false };
    client.id == intent.client_id && intent.secret().is_some_and(|secret: SecretString| same(&secret, &client.secret))
}

/// The platform may have regenerated the secret, with the answer lost.
fn with_recovery(error: RotationError, client_id: &str) -> RotationError {
    let hint = format!(
        "rotate again: the rotation then uses the write-ahead entry (label {AHEAD}), which holds the new secret, or a token that regenerates it. If both are rejected, regenerate the secret of the OAuth client {client_id} by hand (Admin > Integrations > OAuth) and store it. ({})",
        error.hint()
    );
    error.with_hint(hint)
}
