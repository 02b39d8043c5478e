//! Opens an endpoint, and keeps its tokens current.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::signal::unix::Signal;
use tokio::task::JoinSet;

use super::arguments::Pace;
use super::callers::{Callers, LocalClient};
use super::endpoint::Endpoint;
use super::guard::Guard;
use super::keeper::Keeper;
use super::listener::Listener;
use super::metrics::Counts;
use super::progress::Progress;
use crate::cli::exit::CommandFailure;
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::rotation::RotationError;

/// Reads the secrets and builds the endpoint.
pub(super) async fn open_endpoint(
    secrets: Vec<SecretReference>,
    listener: &Listener,
    client: LocalClient,
    pace: Pace,
    has_metrics: bool,
    session: &Session,
) -> Result<Endpoint, CommandFailure> {
    let platforms = session.platforms()?;
    let begin = |secret: SecretReference| async {
        let name = secret.typed.clone();
        let begun = Keeper::begin(secret, session, platforms.clone(), pace).await;
        begun.map_err(|error| of_secret(&name, error))
    };
    let keepers = join_all(secrets.into_iter().map(begin)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let guard = match listener {
        Listener::Tcp(_, address) => Guard::of_address(*address),
        Listener::Unix(..) => Guard::of_socket(),
    };
    let (callers, forwarder, counts) = (Callers::new(client), platforms.forwarder(), Counts::default());
    Ok(Endpoint { keepers, callers, forwarder, guard, has_metrics, counts })
}

fn of_secret(name: &str, error: RotationError) -> CommandFailure {
    let failure = CommandFailure::from(error);
    let is_named = failure.message.contains(name);
    let message = if is_named { failure.message } else { format!("{name}: {}", failure.message) };
    CommandFailure { message, ..failure }
}

/// Keeps the tokens of an endpoint current until the returned set is dropped.
pub(super) fn keep_current(endpoint: &Arc<Endpoint>) -> JoinSet<()> {
    let of_secret = |position: usize| {
        let endpoint = endpoint.clone();
        async move { endpoint.keepers[position].keep_current().await }
    };
    (0..endpoint.keepers.len()).map(of_secret).collect()
}

/// Shows what changes, and reads all secrets again after a SIGHUP. Never ends.
pub(super) async fn watch(endpoint: &Endpoint, progress: &Progress<'_>, hang_up: Option<Signal>) {
    let reload = async {
        let Some(mut hang_up) = hang_up else { return std::future::pending().await };
        loop {
            hang_up.recv().await;
            endpoint.keepers.iter().for_each(Keeper::read_soon);
        }
    };
    let each = endpoint.keepers.iter().map(|keeper| async {
        loop {
            progress.show(endpoint);
            keeper.changed.notified().await;
        }
    });
    tokio::join!(reload, join_all(each), progress.redraw(endpoint));
}
