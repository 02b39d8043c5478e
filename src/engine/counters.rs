//! What a mount did since its process began to serve it, by config.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::rotation::RotationError;

/// How a token is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum TokenUse {
    /// From `creds/`.
    Leased,
    /// From `token/`.
    Shared,
    /// From `static-creds/`.
    Static,
}

/// Work that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Action {
    /// A token for `creds/` or `token/`.
    Issue,
    /// A token for a static role.
    RotateRole,
    /// A new client secret or access key.
    RotateRoot,
    /// The revocation of a token.
    Revoke,
    /// The use of a token that must not idle out.
    KeepAlive,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// A token was issued and validated.
    Issued(TokenUse),
    /// The platform revoked a token.
    Revoked,
    /// A config got a new secret.
    RootRotated,
    /// A token was used, so that it does not idle out.
    KeptAlive,
    /// Work failed, with the name of the error kind.
    Failed(Action, &'static str),
}

/// The counters of a mount. Clones share them.
#[derive(Clone)]
pub(crate) struct Counters {
    /// When counting began.
    pub(crate) since: Timestamp,
    counts: Arc<Mutex<BTreeMap<(String, Counted), u64>>>,
}

impl Counters {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self { since, counts: Arc::default() }
    }

    /// Counts one more.
    pub(crate) fn add(&self, config: &str, counted: Counted) {
        *self.counts.lock().entry((config.to_owned(), counted)).or_default() += 1;
    }

    /// Counts a result: a success as `counted`, a failure by its kind.
    pub(crate) fn add_result<T>(
        &self,
        config: &str,
        action: Action,
        counted: Counted,
        result: &Result<T, RotationError>,
    ) {
        self.add(config, result.as_ref().err().map_or(counted, |error| Counted::Failed(action, error.kind().name())));
    }

    /// All counts by config.
    pub(crate) fn all(&self) -> Vec<(String, Counted, u64)> {
        let counts = self.counts.lock();
        counts.iter().map(|((config, counted), count)| (config.clone(), counted.clone(), *count)).collect()
    }
}
