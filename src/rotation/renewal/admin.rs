//! The administrator: the client or user that renews the client secrets or access keys of a document.

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::Description;

/// Returns the credentials in the secret that `admin_credentials` names.
pub(crate) async fn admin(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    name: &str,
    deadline: Deadline,
) -> Result<Credentials> {
    if described.is_named(name) {
        let message = format!("admin_credentials of the secret {} names the secret itself", described.name);
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
            .with_hint("store the administrator's client in a secret of its own, and set admin_credentials to that"));
    }
    let credentials = rotator.credentials_elsewhere(document, name, deadline).await?;
    if document.rotates(&credentials) {
        let message = format!("the secret {name} holds a client or access key that this document also rotates");
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
            .with_hint("set admin_credentials to other credentials: rotation would invalidate these in that secret"));
    }
    Ok(credentials)
}

/// Returns the credentials of the user that manages access keys: the keys' own user unless the document names another.
pub(crate) async fn key_admin(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    name: Option<&str>,
    deadline: Deadline,
) -> Result<Credentials> {
    match name {
        Some(name) => admin(rotator, document, described, name, deadline).await,
        None => document.credentials(),
    }
}
