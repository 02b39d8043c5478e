//! Looks at the secrets that were named, or at those that match.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::arguments::StatusArgs;
use super::state::Status;
use crate::cli::exit::CommandFailure;
use crate::cli::target::selection::Chosen;
use crate::cli::target::session::Session;

/// How many secrets are looked at side by side.
const AT_ONCE: usize = 8;

/// The secrets that were named. Of those in Secrets Manager that match, the ones that it rotates and the ones that hold
/// a token of a rotation; without anything to match, the former alone.
pub(super) async fn look_at_all(
    arguments: &StatusArgs,
    session: &Session,
    patience: Duration,
) -> Result<Vec<Status>, CommandFailure> {
    let chosen = arguments.selection.choose(&arguments.secrets, session).await?;
    let is_narrowed = arguments.selection.is_narrowed();
    let rotates = |chosen: &Chosen| chosen.listed.as_ref().is_none_or(|listed| listed.rotates);
    let looks = stream::iter(chosen.into_iter().filter(|chosen| is_narrowed || rotates(chosen))).map(|chosen| {
        let is_sure = rotates(&chosen);
        async move { Some(look(chosen, session, patience).await).filter(|status| is_sure || status.is_ours()) }
    });
    Ok(looks.buffered(AT_ONCE).filter_map(std::future::ready).collect().await)
}

async fn look(chosen: Chosen, session: &Session, patience: Duration) -> Status {
    let secret = chosen.secret;
    match session.store(secret.store).await {
        Ok(store) => Status::of(secret.typed, &store, &secret.id, patience).await,
        Err(error) => Status::unknown(secret.typed, error),
    }
}
