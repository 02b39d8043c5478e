//! Alternating rotation: the idle one of two clients gets a new secret and becomes the active one.

use super::admin::admin;
use super::renewed::{Renewed, issue_token};
use crate::rotation::credentials::keys::KeyPair;
use crate::rotation::document::fields::Document;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::Description;

/// Regenerates the idle client's secret. A lost answer does no harm: no reader uses that client yet, and the next attempt
/// regenerates the secret again.
pub(crate) async fn alternate(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: &Document,
    described: &Description,
    (idle, admin_name): (&str, &str),
    sending: Deadline,
    deadline: Deadline,
) -> Result<Renewed> {
    let tokens = rotator.tokens();
    let admin = admin(rotator, document, described, admin_name, sending).await?;
    let authorization = tokens.exchange(&admin, sending).await?;
    let secret = tokens.regenerate(&admin.place(), idle, &authorization.token.access_token, sending).await?;
    drop(authorization);
    let next = document.with_client(&KeyPair { id: idle.to_owned(), secret })?;
    // The administrator's token is revoked while the next token is issued.
    tokio::join!(issue_token(rotator, next, described, deadline), tokens.roll_back(deadline)).0
}
