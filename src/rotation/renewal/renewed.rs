//! The next version: its document, and its token.

use crate::rotation::document::fields::Document;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::exchange::NewToken;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::Rollback;
use crate::rotation::version::labels::Description;

/// The next version's document without its token, and the token.
pub(crate) struct Renewed {
    pub(crate) document: Document,
    pub(crate) token: NewToken,
    /// The access key that was created for this version.
    pub(crate) access_key: Option<Rollback>,
}

/// Issues the token of a document with a new client secret or access key.
pub(crate) async fn issue_token(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    document: Document,
    described: &Description,
    deadline: Deadline,
) -> Result<Renewed> {
    let kind = document.token_kind()?;
    let credentials = rotator.credentials(&document, described, deadline).await?;
    let token = rotator.tokens().issue_once_propagated(&credentials, &kind, deadline).await?;
    Ok(Renewed { document, token, access_key: None })
}
