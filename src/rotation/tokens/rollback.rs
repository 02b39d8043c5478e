//! The rollback guard: what a rotation creates on the platform is undone unless it is committed.
//!
//! A [`Rollback`] exists from the moment that the platform answers. Dropping it, at an error or because the whole future
//! is dropped, schedules the undo in [`Rollbacks`]. The end of each operation runs what is due; after an interruption
//! the caller does, with [`Rotator::roll_back`](crate::rotation::Rotator::roll_back).

use std::sync::Arc;

use parking_lot::Mutex;

use tokio::sync::watch;

use crate::rotation::credentials::place::Place;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// The inverse of a call that created something on the platform.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    RevokeToken {
        place: Place,
        token: SecretString,
        /// The version that a write in progress may have stored the token in.
        staged_as: Option<(SecretId, VersionId)>,
    },
    DeleteAccessKey {
        place: Place,
        id: String,
        /// The token that may delete the key.
        token: SecretString,
        /// The version that a write in progress may have stored the key in.
        staged_as: Option<(SecretId, VersionId)>,
    },
}

impl Undo {
    /// The version that a write in progress may have stored the token or the key in.
    pub(crate) fn staged_as(&self) -> Option<&(SecretId, VersionId)> {
        match self {
            Self::RevokeToken { staged_as, .. } | Self::DeleteAccessKey { staged_as, .. } => staged_as.as_ref(),
        }
    }

    fn set_staged_as(&mut self, version: Option<(SecretId, VersionId)>) {
        match self {
            Self::RevokeToken { staged_as, .. } | Self::DeleteAccessKey { staged_as, .. } => *staged_as = version,
        }
    }
}

/// Undoes something that was created, unless it is committed.
#[must_use]
#[derive(Debug)]
pub struct Rollback {
    undo: Option<Undo>,
    rollbacks: Rollbacks,
}

impl Rollback {
    /// Keeps what was created.
    pub fn commit(mut self) {
        self.undo = None;
    }

    /// Keeps what was created, and returns its undo for a later decision.
    pub(crate) fn into_undo(mut self) -> Option<Undo> {
        self.undo.take()
    }

    /// Records that a write in progress may store the token or the key in a version.
    pub(crate) fn begin_staging(&mut self, secret: &SecretId, version: &VersionId) {
        if let Some(undo) = &mut self.undo {
            undo.set_staged_as(Some((secret.clone(), version.clone())));
        }
    }
}

impl Drop for Rollback {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            self.rollbacks.due.lock().push(undo);
        }
    }
}

/// The undos that are due. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Rollbacks {
    due: Arc<Mutex<Vec<Undo>>>,
    unrevoked: UnrevokedTokens,
    /// The number of requests without an answer that create a token or an access key. What they create is not known yet.
    unanswered: Arc<watch::Sender<usize>>,
}

/// Tokens whose revocation failed. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnrevokedTokens(Arc<Mutex<Vec<(Place, SecretString)>>>);

impl UnrevokedTokens {
    pub(crate) fn add(&self, place: &Place, token: &SecretString) {
        self.0.lock().push((place.clone(), token.clone()));
    }

    /// Takes one of them.
    #[cfg(feature = "vault")]
    pub(crate) fn take(&self) -> Option<(Place, SecretString)> {
        self.0.lock().pop()
    }
}

/// A request in progress that creates a token or an access key.
#[must_use]
pub(crate) struct CreatingRequest(Arc<watch::Sender<usize>>);

impl Drop for CreatingRequest {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Rollbacks {
    /// Counts a request that creates a token or an access key, until the returned value is dropped.
    pub(crate) fn begin_request(&self) -> CreatingRequest {
        self.unanswered.send_modify(|count| *count += 1);
        CreatingRequest(Arc::clone(&self.unanswered))
    }

    /// Waits until no such request is in progress.
    #[cfg(any(feature = "cli", all(test, feature = "operator")))]
    pub(crate) async fn answered(&self) {
        // The sender lives as long as this.
        let _ = self.unanswered.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Undos of their own, whose failures are reported together with these.
    #[cfg(feature = "vault")]
    pub(crate) fn for_another_operation(&self) -> Self {
        Self { unrevoked: self.unrevoked.clone(), ..Self::default() }
    }

    /// The tokens that no version holds, and whose revocation failed.
    pub(crate) fn unrevoked(&self) -> &UnrevokedTokens {
        &self.unrevoked
    }

    /// Guards what was created: it is undone unless the guard is committed.
    pub(crate) fn guard(&self, undo: Undo) -> Rollback {
        Rollback { undo: Some(undo), rollbacks: self.clone() }
    }

    /// Schedules an undo after the write has ended.
    pub(crate) fn schedule(&self, mut undo: Undo) {
        undo.set_staged_as(None);
        drop(self.guard(undo));
    }

    /// Takes the undos that are due, each with a guard that schedules it again unless it is committed.
    pub(crate) fn take_due(&self) -> Vec<(Rollback, Undo)> {
        self.take(|undo| undo.staged_as().is_none())
    }

    /// Takes the undos of tokens and keys that an interrupted write may have stored.
    pub(crate) fn take_uncertain(&self) -> Vec<(Rollback, Undo)> {
        self.take(|undo| undo.staged_as().is_some())
    }

    fn take(&self, is_wanted: impl Fn(&Undo) -> bool) -> Vec<(Rollback, Undo)> {
        let taken: Vec<Undo> = self.due.lock().extract_if(.., |undo| is_wanted(undo)).collect();
        taken.into_iter().map(|undo| (self.guard(undo.clone()), undo)).collect()
    }
}

#[cfg(all(test, feature = "operator"))]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn all_requests_are_answered_once_the_last_one_has_ended() {
        let rollbacks = Rollbacks::default();
        let is_answered = || rollbacks.answered().now_or_never().is_some();
        assert!(is_answered());
        let (one, other) = (rollbacks.begin_request(), rollbacks.begin_request());
        assert!(!is_answered());
        drop(one);
        assert!(!is_answered());
        drop(other);
        assert!(is_answered());
    }
}
