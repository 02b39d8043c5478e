//! Reads the status of the selected secrets.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::arguments::StatusArgs;
use super::state::Status;
use crate::cli::exit::CommandFailure;
use crate::cli::target::choice::{Choice, Unlisted};
use crate::cli::target::in_order::in_order;
use crate::cli::target::session::Session;
use crate::cli::target::source::Chosen;
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
    let Choice { secrets, unlisted } = arguments.selection.choose(&arguments.secrets, session).await?;
    let is_read = |chosen: &Chosen| chosen.listed.is_none_or(|listed| listed.is_narrowed || listed.was_configured);
    let read = |chosen: Chosen| {
        let is_certain = chosen.listed.is_none_or(|listed| listed.rotates);
        async move { Some(read(chosen, session, timeout).await).filter(|status| is_certain || status.may_hold_token()) }
    };
    let reads = in_order(stream::iter(secrets.into_iter().filter(is_read)), AT_ONCE, read);
    let unlisted = unlisted.into_iter().map(|Unlisted { name, error }| Status::unknown(name, error));
    Ok(reads.filter_map(std::future::ready).chain(stream::iter(unlisted)).collect().await)
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
