//! testSecret: validate the staged token, and the staged client secret if it is new.

use std::time::Duration;

use super::abandon::{abandon, unstage};
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::document::token_life::TokenLife;
use crate::rotation::eligibility::is_older_than;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::access_keys::delete_abandoned_key;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, PENDING};
use crate::rotation::version::preflight::Readiness;
use crate::secret::SecretString;

/// A token that the platform rejects this long after its issue is invalid. A younger one may not have propagated.
const SETTLED: Duration = Duration::from_secs(600);

/// A client secret is not validated again this soon after a token was issued with it.
const FRESH: Duration = Duration::from_secs(60);

/// The version under test.
struct Pending {
    described: Description,
    document: Document,
    credentials: Credentials,
    value: SecretString,
}

pub(crate) async fn test(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<StepReport> {
    let read = || read_pending(rotator, request);
    let Some((described, value)) = rotator.retries.run("read the staged version", deadline, read).await? else {
        return Ok(StepReport::of(StepOutcome::AlreadyDone));
    };
    let document = Document::parse(&value)?;
    let credentials = rotator.credentials(&document, &described, deadline).await?;
    let pending = Pending { described, document, credentials, value };
    let Some(token) = pending.document.access_token()? else {
        return test_set_up(rotator, &pending, deadline).await;
    };
    let (probes, tokens) = (pending.document.probes()?, rotator.tokens());
    let (token_valid, secret_valid) = tokio::join!(
        tokens.verify(&pending.credentials, &token, &probes, deadline),
        validate_secret(rotator, &pending, deadline),
    );
    match token_valid {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::TokenRejected | ErrorKind::TokenOwnerMismatch) => {
            return handle_rejected_token(rotator, error, request, &pending, &token, deadline).await;
        }
        Err(error) => return Err(error),
    }
    if let Err(error) = secret_valid {
        return Err(handle_rejected_secret(rotator, error, request, &pending, &token, deadline).await);
    }
    let token_life = life_of(rotator, &pending.described, &pending.document);
    Ok(StepReport { outcome: StepOutcome::Done, token_life })
}

/// Returns the staged value; `None` if the version is promoted.
async fn read_pending(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
) -> Result<Option<(Description, SecretString)>> {
    let (looked, pending) = tokio::join!(
        rotator.look(&request.secret, &request.version),
        rotator.store.read(&request.secret, VersionSelector::Pending(&request.version)),
    );
    let (described, readiness) = looked?;
    if readiness == Readiness::AlreadyCurrent {
        return Ok(None);
    }
    let Some(pending) = pending? else {
        let message = format!("the staged version {} of the secret {} has no value", request.version, described.name);
        let hint = "createSecret has not run for this version, or failed: see its error";
        return Err(RotationError::new(ErrorKind::VersionNotStaged, message).with_hint(hint));
    };
    Ok(Some((described, pending.text)))
}

/// Another call of createSecret, or a person, may have replaced the client secret after the token was issued with it,
/// while the token stays valid. With in-place rotation the client has one valid secret, so that one is always validated.
/// With two clients or access keys the previous one keeps working.
async fn validate_secret(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    pending: &Pending,
    deadline: Deadline,
) -> Result<()> {
    match pending.document.secret_rotation()? {
        None => return Ok(()),
        Some(SecretRotation::InPlace) => {}
        Some(_) if !is_older_than(FRESH, &pending.document, rotator.clock.now()) => return Ok(()),
        Some(_) => {}
    }
    rotator.tokens().issue_once_propagated(&pending.credentials, &TokenKind::Access, deadline).await.map(drop)
}

/// Abandons a version whose client secret or access key is invalid. Secrets Manager removes a copy of the current
/// version itself.
async fn handle_rejected_secret(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    rejection: RotationError,
    request: &StepRequest,
    pending: &Pending,
    token: &SecretString,
    deadline: Deadline,
) -> RotationError {
    if rejection.kind() != ErrorKind::CredentialsRejected
        || rotator.is_current_token(&request.secret, token, deadline).await.unwrap_or(true)
    {
        return rejection;
    }
    let why = format!("holds a client secret or access key that is no longer valid ({rejection})");
    abandon(rotator, request, &pending.described, &pending.value, &why, deadline).await
}

/// Tests the set-up if the staged version is a copy of the current one, and abandons a version with an invalid token.
async fn handle_rejected_token(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    rejection: RotationError,
    request: &StepRequest,
    pending: &Pending,
    token: &SecretString,
    deadline: Deadline,
) -> Result<StepReport> {
    if rotator.is_current_token(&request.secret, token, deadline).await.unwrap_or(false) {
        return test_set_up(rotator, pending, deadline).await;
    }
    let now = rotator.clock.now();
    let has_expired = pending.document.expires_at().is_some_and(|end| end <= now);
    if !has_expired && !is_older_than(SETTLED, &pending.document, now) {
        return Err(rejection);
    }
    unstage(rotator, request, deadline).await?;
    delete_abandoned_key(rotator, &request.secret, &pending.document, &pending.described, deadline).await;
    let message = format!("the staged token is no longer valid: {rejection}");
    let hint = format!("rotate again: {PENDING} was removed from this version, so the next rotation starts afresh");
    Err(RotationError::new(rejection.kind(), message).with_hint(hint))
}

/// To test a new rotation set-up, Secrets Manager stages a copy of the current version. Its token may be missing or
/// expired, so the credentials are tested.
async fn test_set_up(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    pending: &Pending,
    deadline: Deadline,
) -> Result<StepReport> {
    let probes = pending.document.probes()?;
    let (token, requested_at) = rotator.tokens().try_out(&pending.credentials, &probes, deadline).await?;
    let next = pending.document.with_token(&token, requested_at)?;
    let token_life = life_of(rotator, &pending.described, &next);
    Ok(StepReport { outcome: StepOutcome::SetUpTested, token_life })
}

fn life_of<S, I>(
    rotator: &Rotator<S, I, impl Clock>,
    described: &Description,
    document: &Document,
) -> Option<TokenLife> {
    let now = rotator.clock.now();
    let needed = described.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(now));
    TokenLife::of(document, now, needed)
}
