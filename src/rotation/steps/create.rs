//! createSecret: issue a token, and stage the document with it.

use super::abandon::abandon_unless_promoted;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::eligibility::{check_is_current, may_begin, no_current_value, why_unfit};
use crate::rotation::error::{ErrorKind, Result};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{Staged, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::renew;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::{Rollback, Undo};
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::Readiness;
use crate::secret::{SecretString, same};

/// The result of createSecret.
pub(crate) struct Created {
    pub(crate) report: StepReport,
    /// The undo of the staged token, if this call staged it.
    pub(crate) own_token: Option<Undo>,
}

/// What the store holds before createSecret.
enum Found {
    /// The version is promoted, or holds its value.
    AlreadyDone,
    /// The version has no value; this is the current one.
    Current(Description, SecretString),
    /// The version holds a value that must not be promoted, with the reason.
    Unfit(Description, SecretString, &'static str),
}

pub(crate) async fn create(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<Created> {
    let find = || find(rotator, request);
    let (described, current) = match rotator.retries.run("read the secret", deadline, find).await? {
        Found::Current(described, current) => (described, current),
        Found::AlreadyDone => return Ok(Created { report: StepReport::of(StepOutcome::AlreadyDone), own_token: None }),
        Found::Unfit(described, staged, why) => {
            let report = abandon_unless_promoted(rotator, request, &described, &staged, why, deadline).await?;
            return Ok(Created { report, own_token: None });
        }
    };
    let document = Document::parse(&current)?;
    // An invalid probe is an error before a token is issued.
    document.probes()?;
    let renewed = renew(rotator, request, document, &described, deadline).await?;
    let mut token = renewed.token;
    let value = renewed.document.with_token(&token.token, token.requested_at)?.to_value()?;
    // From here on the version may hold the token and the access key, also after an interruption.
    token.guard.begin_staging(&request.secret, &request.version);
    let (token, access_key) = (token.guard, renewed.access_key.and_then(Rollback::into_undo));
    let staged = stage(rotator, request, &value, deadline).await;
    if let Ok(Staged::Stored) = staged {
        return Ok(Created { report: StepReport::of(StepOutcome::Done), own_token: token.into_undo() });
    }
    // An access key that may be stored must keep working.
    let unused = token.into_undo().into_iter().chain(access_key.filter(|_| is_known_to_be_lost(&staged)));
    unused.for_each(|undo| rotator.rollbacks.schedule(undo));
    staged?;
    // Another call of this step staged its value first.
    validate_staged(rotator, request, &described, deadline).await?;
    Ok(Created { report: StepReport::of(StepOutcome::AlreadyDone), own_token: None })
}

/// Reads the description, the current value and the staged value at the same time.
async fn find(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
) -> Result<Found> {
    let (described, current, staged) = tokio::join!(
        rotator.store.describe(&request.secret),
        rotator.store.read(&request.secret, VersionSelector::Current),
        rotator.store.read(&request.secret, VersionSelector::Pending(&request.version)),
    );
    let described = described?;
    if may_begin(&described, request)? == Readiness::AlreadyCurrent {
        return Ok(Found::AlreadyDone);
    }
    let current = current?.map(|read| check_is_current(&described, read.version).map(|()| read.text)).transpose()?;
    match (staged?.map(|read| read.text), current) {
        (Some(staged), Some(current)) => Ok(match why_unfit(&staged, &current, rotator.clock.now()) {
            Some(why) => Found::Unfit(described, staged, why),
            None => Found::AlreadyDone,
        }),
        (None, Some(current)) if described.holder(CURRENT).is_some() => Ok(Found::Current(described, current)),
        _ => Err(no_current_value(&described)),
    }
}

async fn stage(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    value: &SecretString,
    deadline: Deadline,
) -> Result<Staged> {
    let token = request.rotation_token.as_ref();
    let stage = || rotator.store.stage(&request.secret, &request.version, value, token);
    let error = match rotator.retries.run("stage the new version", deadline, stage).await {
        Ok(staged) => return Ok(staged),
        Err(error) => error,
    };
    // The write may have succeeded with its answer lost.
    let (selector, deadline) = (VersionSelector::Pending(&request.version), deadline.for_half_the_cleanup());
    match rotator.read("read the staged version", &request.secret, selector, deadline).await {
        Ok(Some(stored)) if same(&stored, value) => Ok(Staged::Stored),
        Ok(Some(_)) => Ok(Staged::HeldAnother),
        Ok(None) | Err(_) => Err(error),
    }
}

/// Whether the value is certainly not stored: the store holds another value, or rejected this one.
fn is_known_to_be_lost(staged: &Result<Staged>) -> bool {
    match staged {
        Ok(staged) => *staged == Staged::HeldAnother,
        Err(error) => matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::StoreDenied),
    }
}

/// Of two calls that regenerated a client secret at the same time, one did so last. The staged document may be the other
/// one's: then its secret is invalid.
async fn validate_staged(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    deadline: Deadline,
) -> Result<()> {
    let selector = VersionSelector::Pending(&request.version);
    let staged = rotator.read("read the staged version", &request.secret, selector, deadline).await?;
    let Some(staged) = staged else { return Ok(()) };
    let document = Document::parse(&staged)?;
    if matches!(document.secret_rotation()?, None | Some(SecretRotation::AccessKeys { .. })) {
        return Ok(());
    }
    let credentials = rotator.credentials(&document, described, deadline).await?;
    match rotator.tokens().issue_once_propagated(&credentials, &TokenKind::Access, deadline).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
            let why = "holds a client secret that another call has regenerated since";
            abandon_unless_promoted(rotator, request, described, &staged, why, deadline).await.map(drop)
        }
        Err(error) => Err(error),
    }
}
