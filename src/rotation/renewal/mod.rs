//! New client secrets and access keys, created before the next token is issued.

pub(crate) mod abandoned;
pub(crate) mod access_keys;
pub(crate) mod admin;
pub(crate) mod alternate;
pub(crate) mod in_place;
pub(crate) mod intent;
pub(crate) mod lease;
pub(crate) mod renewed;

use self::renewed::Renewed;
use super::credentials::token::TokenKind;
use super::document::fields::Document;
use super::document::plan::SecretRotation;
use super::error::Result;
use super::ports::clock::Clock;
use super::ports::{RotationPlatform, RotationStore};
use super::rotator::Rotator;
use super::step::StepRequest;
use super::tokens::retry::Deadline;
use super::version::labels::Description;

/// Renews the client secret or access key if the document asks for it, and issues the next version's token. Requests that
/// must end with the lease use the deadline `sending`.
pub(crate) async fn renew(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    document: Document,
    described: &Description,
    sending: Deadline,
    deadline: Deadline,
) -> Result<Renewed> {
    let kind: TokenKind = document.token_kind()?;
    match document.secret_rotation()? {
        None => {
            let credentials = rotator.credentials(&document, described, deadline).await?;
            let token = rotator.tokens().issue(&credentials, &kind, deadline).await?;
            Ok(Renewed { document, token, access_key: None })
        }
        Some(SecretRotation::Alternating { idle, admin_credentials }) => {
            alternate::alternate(rotator, &document, described, (&idle, &admin_credentials), sending, deadline).await
        }
        Some(SecretRotation::InPlace) => {
            let document = in_place::regenerate(rotator, request, document, described, sending, deadline).await?;
            renewed::issue_token(rotator, document, described, deadline).await
        }
        Some(SecretRotation::Adoption) => {
            let document = in_place::adopt(rotator, request, document, described, sending).await?;
            renewed::issue_token(rotator, document, described, deadline).await
        }
        Some(SecretRotation::AccessKeys { idle, admin_credentials }) => {
            let (idle, admin) = (idle.as_deref(), admin_credentials.as_deref());
            access_keys::next_access_key(rotator, &document, described, (idle, admin), sending, deadline).await
        }
    }
}
