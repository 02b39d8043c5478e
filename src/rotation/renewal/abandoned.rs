//! The token and the access key of a staged version that is abandoned.

use super::access_keys::delete_abandoned_key;
use crate::rotation::document::fields::Document;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::StepRequest;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::{Rollback, Undo};
use crate::rotation::version::labels::Description;
use crate::secret::SecretString;

/// The token of a version that is about to lose its label. After an interruption, it is revoked unless it is still stored.
pub(crate) struct Abandoned {
    document: Document,
    token: SecretString,
    guard: Rollback,
}

impl Abandoned {
    /// Guards the token of a staged value; `None` if it holds none.
    pub(crate) async fn guard(
        rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
        request: &StepRequest,
        described: &Description,
        value: &SecretString,
        deadline: Deadline,
    ) -> Option<Self> {
        let document = Document::parse(value).ok()?;
        let token = document.access_token().ok()??;
        let place = rotator.credentials(&document, described, deadline).await.ok()?.place();
        let undo = Undo::RevokeToken { place, token: token.clone(), staged_as: None };
        let mut guard = rotator.rollbacks.guard(undo);
        guard.begin_staging(&request.secret, &request.version);
        Some(Self { document, token, guard })
    }

    /// If the version lost its label, deletes its access key and schedules the revocation of its token, unless readers
    /// read the same one.
    pub(crate) async fn end(
        self,
        rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
        request: &StepRequest,
        described: &Description,
        is_unstaged: bool,
        deadline: Deadline,
    ) {
        let Self { document, token, guard } = self;
        if !is_unstaged || rotator.is_current_token(&request.secret, &token, deadline).await.unwrap_or(true) {
            return guard.commit();
        }
        delete_abandoned_key(rotator, &request.secret, &document, described, deadline).await;
        guard.into_undo().into_iter().for_each(|undo| rotator.rollbacks.schedule(undo));
    }
}
