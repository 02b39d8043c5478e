//! Opens an endpoint, and keeps its tokens current.

use futures_util::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

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
    CommandFailure { message: format!("{name}: {}", failure.message), ..failure }
}

/// Reads each secret again when it is due, and all of them after SIGHUP. Never ends.
pub(super) async fn keep(endpoint: &Endpoint, progress: &Progress<'_>) {
    let hang_up = async {
        let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        loop {
            hang_up.recv().await;
            join_all(endpoint.keepers.iter().map(Keeper::read_now)).await;
        }
    };
    let each = endpoint.keepers.iter().map(|keeper| async {
        loop {
            tokio::select! {
                () = sleep(keeper.next_read()) => keeper.read_now().await,
                () = keeper.changed.notified() => {}
            }
            progress.show(endpoint);
        }
    });
    progress.show(endpoint);
    tokio::join!(hang_up, join_all(each), progress.redraw(endpoint));
}
