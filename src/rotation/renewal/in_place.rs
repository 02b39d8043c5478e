//! In-place rotation: a client's only secret is regenerated. The stored secret is invalid until the promotion.
//!
//! A token that can regenerate the secret again is stored first (write-ahead), so that a lost answer or a crash is
//! recoverable: the next attempt regenerates the secret with that token.

use super::intent::Intent;
use crate::rotation::credentials::keys::KeyPair;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{AHEAD, Description};

/// Regenerates the client's secret and returns the document with it.
pub(crate) async fn regenerate(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: Document,
    described: &Description,
    deadline: Deadline,
) -> Result<Document> {
    let interrupted = interrupted(rotator, request, &document, described, deadline).await?;
    if let Some(Intent { to: Some(renewed), .. }) = interrupted {
        return Ok(renewed);
    }
    let credentials = rotator.credentials(&document, described, deadline).await?;
    let mut intent = match (rotator.tokens().exchange(&credentials, deadline).await, interrupted) {
        (Ok(new), _) => {
            let intent = Intent { from: document.clone(), to: None, token: new.token.access_token };
            write_intent(rotator, request, &intent, deadline).await?;
            new.guard.commit();
            intent
        }
        // An earlier attempt regenerated the secret, and its answer was lost.
        (Err(error), Some(interrupted)) if error.kind() == ErrorKind::CredentialsRejected => interrupted,
        (Err(error), _) => return Err(error),
    };
    let id = credentials.id();
    let secret = rotator.tokens().regenerate(&credentials.place(), id, &intent.token, deadline).await;
    let secret = secret.map_err(|error| with_recovery(error, id))?;
    let renewed = document.with_client(&KeyPair { id: id.to_owned(), secret })?;
    intent.to = Some(renewed.clone());
    write_intent(rotator, request, &intent, deadline).await.map_err(|error| with_recovery(error, id))?;
    Ok(renewed)
}

/// Returns the intent of an interrupted rotation of this very document.
async fn interrupted(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: &Document,
    described: &Description,
    deadline: Deadline,
) -> Result<Option<Intent>> {
    if described.holder(AHEAD).is_none() {
        return Ok(None);
    }
    let read = || rotator.store.read_intent(&request.secret);
    let stored = rotator.retries.run("read the write-ahead entry", deadline, read).await?;
    Ok(stored.as_ref().and_then(Intent::parse).filter(|intent| intent.from.is_same_as(document)))
}

async fn write_intent(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    intent: &Intent,
    deadline: Deadline,
) -> Result<()> {
    let (value, token) = (intent.to_value()?, request.rotation_token.as_ref());
    let write = || rotator.store.write_intent(&request.secret, &value, token);
    rotator.retries.run("write the write-ahead entry", deadline, write).await
}

/// Revokes the intent's token and deletes the intent of a promoted rotation. A failure is logged.
///
/// A finish that runs late finds the intent of the next rotation, which may hold the only copy of its new secret: that
/// one is kept.
pub(crate) async fn clear_intent(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    outcome: StepOutcome,
    deadline: Deadline,
) {
    let Some(holder) = described.holder(AHEAD) else { return };
    let read = || rotator.store.read_intent(&request.secret);
    let stored = rotator.retries.run("read the write-ahead entry", deadline, read).await.ok().flatten();
    if let Some(intent) = stored.as_ref().and_then(Intent::parse) {
        if outcome == StepOutcome::AlreadyDone && starts_from_current(rotator, request, &intent, deadline).await {
            return;
        }
        let Intent { from, to, token } = intent;
        if let Ok(credentials) = rotator.credentials(&to.unwrap_or(from), described, deadline).await {
            rotator.tokens().discard(&credentials, &token, deadline).await;
        }
    }
    let clear = || rotator.store.clear_intent(&request.secret, holder);
    if let Err(error) = rotator.retries.run("delete the write-ahead entry", deadline, clear).await {
        let kind = error.kind().name();
        tracing::warn!(error.r#type = kind, "the write-ahead entry could not be deleted: {}", error.chain());
    }
}

/// Whether the intent belongs to a rotation that is not promoted yet, or this is unknown.
async fn starts_from_current(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    intent: &Intent,
    deadline: Deadline,
) -> bool {
    let current = rotator.read("read the current version", &request.secret, VersionSelector::Current, deadline).await;
    let current = current.ok().flatten().and_then(|value| Document::parse(&value).ok());
    current.is_none_or(|current| intent.from.is_same_as(&current))
}

/// The platform may have regenerated the secret, with the answer lost.
fn with_recovery(error: RotationError, client_id: &str) -> RotationError {
    let hint = format!(
        "rotate again: the rotation then regenerates the secret with a stored token. If that token is rejected as well, regenerate the secret of the OAuth client {client_id} by hand (Admin > Integrations > OAuth) and store it. ({})",
        error.hint()
    );
    error.with_hint(hint)
}
