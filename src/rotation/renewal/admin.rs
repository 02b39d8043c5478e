//! The administrator: the client or user that renews the client secrets or access keys of a document.

use crate::rotation::credentials::keys::{Credentials, KeyOwner};
use crate::rotation::document::fields::Document;
use crate::rotation::document::names::ADMIN_CREDENTIALS;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::{NamedCredentials, Rotator};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::Description;

/// Returns the credentials in the secret that `admin_credentials` names, which may renew the document's clients.
pub(crate) async fn admin(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    name: &str,
    deadline: Deadline,
) -> Result<Credentials> {
    let named = named_admin(rotator, document, described, name, deadline).await?;
    // Each of them becomes the idle one, so both must be listed.
    let clients: Vec<String> = document.client_ids().into_iter().flatten().flatten().collect();
    named.permit_renewal(&clients.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(named.credentials)
}

/// The user that manages access keys.
pub(crate) struct KeyAdmin {
    pub(crate) credentials: Credentials,
    /// The secret that `admin_credentials` names.
    named: Option<NamedCredentials>,
}

impl KeyAdmin {
    /// Checks that the admin may manage the access keys of a user.
    ///
    /// # Errors
    /// `DocumentInvalid` if `rotates` does not list the user.
    pub(crate) fn permit(&self, owner: &KeyOwner) -> Result<()> {
        self.named.as_ref().map_or(Ok(()), |named| named.permit_renewal(&[&owner.user_id]))
    }
}

/// Returns the user that manages access keys: the keys' own user unless the document names another.
pub(crate) async fn key_admin(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    name: Option<&str>,
    deadline: Deadline,
) -> Result<KeyAdmin> {
    let Some(name) = name else { return Ok(KeyAdmin { credentials: document.credentials()?, named: None }) };
    let named = named_admin(rotator, document, described, name, deadline).await?;
    Ok(KeyAdmin { credentials: named.credentials.clone(), named: Some(named) })
}

async fn named_admin(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    name: &str,
    deadline: Deadline,
) -> Result<NamedCredentials> {
    if described.is_named(name) {
        let message = format!("admin_credentials of the secret {} names the secret itself", described.name);
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
            .with_hint("store the administrator's client in a secret of its own, and set admin_credentials to that"));
    }
    let named = rotator.named_credentials(document, ADMIN_CREDENTIALS, name, deadline).await?;
    named.permit_use(described)?;
    if document.alternates(&named.credentials) {
        let message = format!("the secret {name} holds a client or access key that this document also rotates");
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
            .with_hint("set admin_credentials to other credentials: rotation would invalidate these in that secret"));
    }
    Ok(named)
}
