//! Access keys: a user may have several, so the next key is created while the active one keeps working.

use super::admin::key_admin;
use super::renewed::{Renewed, issue_token};
use crate::rotation::credentials::keys::KeyOwner;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::revoke::warn_of_access_key;
use crate::rotation::version::labels::{Description, SecretId};

/// Creates the user's next access key and deletes the idle one. The active key keeps working, also after a failure.
pub(crate) async fn next_access_key(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    (idle, admin_name): (Option<&str>, Option<&str>),
    sending: Deadline,
    deadline: Deadline,
) -> Result<Renewed> {
    let active = document.credentials()?;
    let tokens = rotator.tokens();
    let admin = key_admin(rotator, document, described, admin_name, sending).await?;
    let authorization = tokens.exchange(&admin.credentials, sending).await?;
    let (ids, token) = ((active.access_key_id(), idle), &authorization.token.access_token);
    let place = authorization.token.place(&active);
    let permit = |owner: &KeyOwner| admin.permit(owner);
    let (key, guard) = tokens.succeed_access_key(&place, ids, token, permit, sending).await?;
    let renewed = issue_token(rotator, document.with_access_key(&key)?, described, deadline).await?;
    Ok(Renewed { access_key: Some(guard), ..renewed })
}

/// Deletes the access key of an abandoned version, unless the current version lists it. A failure is logged.
pub(crate) async fn delete_abandoned_key(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    secret: &SecretId,
    abandoned: &Document,
    described: &Description,
    deadline: Deadline,
) {
    let Ok(Some(SecretRotation::AccessKeys { admin_credentials, .. })) = abandoned.secret_rotation() else { return };
    let deadline = deadline.for_cleanup();
    let current = rotator.read("read the current version", secret, VersionSelector::Current, deadline).await;
    let current = current.ok().flatten().and_then(|value| Document::parse(&value).ok());
    let (Some(current), Some(id)) = (current, abandoned.access_key_id()) else { return };
    if current.has_access_key(&id) {
        return;
    }
    let delete = async {
        let tokens = rotator.tokens();
        let admin = key_admin(rotator, &current, described, admin_credentials.as_deref(), deadline).await?;
        let authorization = tokens.exchange(&admin.credentials, deadline).await?;
        let (place, token) = (authorization.token.place(&admin.credentials), &authorization.token.access_token);
        let Some(owner) = tokens.owner_of_key(&place, &id, token, deadline).await? else { return Ok(()) };
        admin.permit(&owner)?;
        tokens.delete_access_key(&place, &id, token, deadline).await
    };
    let deleted: Result<()> = delete.await;
    if let Err(error) = deleted {
        warn_of_access_key(&id, &error);
    }
}
