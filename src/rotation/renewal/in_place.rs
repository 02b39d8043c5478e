//! In-place rotation: a client's only secret is regenerated. The stored secret is invalid until the promotion.
//!
//! Everything that can fail without regenerating is tried first, with a token of the old secret. That token is stored in
//! the write-ahead entry, and then the new secret as soon as it is known. So a lost answer or a crash is recoverable: the
//! next attempt uses the new secret, or regenerates it with the token.

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
use crate::rotation::version::labels::{AHEAD, Description, VersionId};
use crate::secret::{ExposeSecret, SecretString, same};

/// The number of bytes by which a new secret and a new token may be longer than the old ones.
const SPARE_BYTES: usize = 1024;

/// The write-ahead entry of this rotation, and its id.
struct Entry {
    id: VersionId,
    intent: Intent,
}

/// Regenerates the client's secret and returns the document with it. Requests that must end with the lease use `sending`.
pub(crate) async fn regenerate(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: Document,
    described: &Description,
    sending: Deadline,
    deadline: Deadline,
) -> Result<Document> {
    let credentials = rotator.credentials(&document, described, sending).await?;
    let interrupted = interrupted(rotator, request, credentials.id(), described, sending).await?;
    if let Some(secret) = interrupted.as_ref().and_then(|entry| entry.intent.secret()) {
        let renewed = document.with_client(&KeyPair { id: credentials.id().to_owned(), secret })?;
        if is_valid(rotator, &document, &renewed, sending).await? {
            return Ok(renewed);
        }
    }
    let entry = match (token_of_old_secret(rotator, request, &document, &credentials, sending).await, interrupted) {
        (Ok(new), replaced) => {
            let intent = Intent::new(credentials.id(), &new.token.access_token);
            let entry = write_intent(rotator, request, described.holder(AHEAD), intent, sending).await?;
            new.guard.commit();
            if let Some(Entry { intent, .. }) = replaced {
                rotator.tokens().discard(&credentials, &intent.token(), deadline).await;
            }
            entry
        }
        // An earlier attempt regenerated the secret, and its answer was lost.
        (Err(error), Some(entry)) if error.kind() == ErrorKind::CredentialsRejected => entry,
        (Err(error), _) => return Err(error),
    };
    let (id, token) = (credentials.id(), entry.intent.token());
    let secret = rotator.tokens().regenerate(&credentials.place(), id, &token, sending).await;
    let secret = secret.map_err(|error| with_recovery(error, id))?;
    let intent = entry.intent.with_secret(&secret);
    // If this write fails, staging may still store the secret.
    if let Err(error) = write_intent(rotator, request, Some(&entry.id), intent, deadline).await {
        let kind = error.kind().name();
        tracing::warn!(error.r#type = kind, "the new client secret is not in the write-ahead entry: {}", error.chain());
    }
    document.with_client(&KeyPair { id: id.to_owned(), secret })
}

/// Whether the new secret of an interrupted rotation is not in the document yet, and works.
async fn is_valid(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    renewed: &Document,
    deadline: Deadline,
) -> Result<bool> {
    if document.is_same_as(renewed) {
        return Ok(false);
    }
    match rotator.tokens().issue_once_propagated(&renewed.credentials()?, &TokenKind::Access, deadline).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::CredentialsRejected => Ok(false),
        Err(error) => Err(error),
    }
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
    if value.expose_secret().len() + SPARE_BYTES > LARGEST_VALUE {
        let message =
            format!("the secret's value is too large for an in-place rotation: {SPARE_BYTES} bytes must be left");
        return Err(
            RotationError::new(ErrorKind::DocumentInvalid, message).with_hint("move large fields to another secret")
        );
    }
    let room = || rotator.store.check_room(&request.secret);
    rotator.retries.run("count the secret's versions", deadline, room).await?;
    Ok(new)
}

/// Returns the entry of an interrupted rotation of this client.
async fn interrupted(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    client_id: &str,
    described: &Description,
    deadline: Deadline,
) -> Result<Option<Entry>> {
    let Some(id) = described.holder(AHEAD) else { return Ok(None) };
    let intent = read_intent(rotator, request, deadline).await?.filter(|intent| intent.client_id == client_id);
    Ok(intent.map(|intent| Entry { id: id.clone(), intent }))
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
    seen: Option<&VersionId>,
    intent: Intent,
    deadline: Deadline,
) -> Result<Entry> {
    let (id, value, token) = (VersionId::random(), intent.to_value()?, request.rotation_token.as_ref());
    let write = || rotator.store.write_intent(&request.secret, &id, &value, seen, token);
    rotator.retries.run("write the write-ahead entry", deadline, write).await?;
    Ok(Entry { id, intent })
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
        rotator.tokens().discard(&credentials, &intent.token(), deadline).await;
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
