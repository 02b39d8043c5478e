//! Reads the status of the selected secrets.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::arguments::StatusArgs;
use super::state::Status;
use crate::cli::exit::CommandFailure;
use crate::cli::target::selection::Chosen;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;

/// The number of secrets that are read concurrently.
const AT_ONCE: usize = 8;

/// Returns the status of the named secrets. Without names: of the matching secrets, those that have rotation enabled or
/// hold a token; without a filter, only those whose rotation is or was configured: a cancelled one must not vanish.
pub(super) async fn read_all(
    arguments: &StatusArgs,
    session: &Session,
    timeout: Duration,
) -> Result<Vec<Status>, CommandFailure> {
    let chosen = arguments.selection.choose(&arguments.secrets, session).await?;
    let is_narrowed = arguments.selection.is_narrowed();
    let rotates = |chosen: &Chosen| chosen.listed.as_ref().is_none_or(|listed| listed.rotates);
    let was_configured = |chosen: &Chosen| chosen.listed.as_ref().is_none_or(|listed| listed.was_configured);
    let reads = stream::iter(chosen.into_iter().filter(|chosen| is_narrowed || was_configured(chosen))).map(|chosen| {
        let is_certain = rotates(&chosen);
        async move { Some(read(chosen, session, timeout).await).filter(|status| is_certain || status.may_hold_token()) }
    });
    Ok(reads.buffered(AT_ONCE).filter_map(std::future::ready).collect().await)
}

async fn read(chosen: Chosen, session: &Session, timeout: Duration) -> Status {
    let secret = chosen.secret;
    match session.store(&secret).await {
        Ok(store) => {
            let status = Status::of(secret.typed, &store, &secret.id, timeout).await;
            let pending_since = match (&store, status.pending()) {
                // Without the permission, the time is not known.
                (AnyStore::Aws(store), Some(version)) => store.created(&secret.id, version).await.ok().flatten(),
                _ => None,
            };
            Status { pending_since, ..status }
        }
        Err(error) => Status::unknown(secret.typed, error),
    }
}
