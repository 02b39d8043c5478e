//! Shutdown of the process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often to check that the host is still the parent process. An open connection shows it sooner.
const PARENT_INTERVAL: Duration = Duration::from_millis(500);

/// A shutdown signal. Clones share it.
#[derive(Clone)]
pub(crate) struct Shutdown {
    reason: Arc<watch::Sender<Option<&'static str>>>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self { reason: Arc::new(watch::Sender::new(None)) }
    }

    /// Starts the shutdown. Only the first reason is kept.
    pub(crate) fn trigger(&self, reason: &'static str) {
        self.reason.send_if_modified(|current| {
            let is_first = current.is_none();
            current.get_or_insert(reason);
            is_first
        });
    }

    /// Waits for the shutdown, and returns its reason.
    pub(crate) async fn triggered(&self) -> &'static str {
        let mut receiver = self.reason.subscribe();
        let reason = receiver.wait_for(Option::is_some).await;
        // `self` holds the sender, so the channel is open.
        reason.ok().and_then(|reason| *reason).unwrap_or_default()
    }

    /// Triggers the shutdown at SIGTERM, and when the parent process ends.
    ///
    /// SIGINT and SIGHUP are ignored: a terminal sends them to the host and to its plugins alike, and the host needs its
    /// plugins to shut down in order.
    pub(crate) fn watch_process(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let parent = std::os::unix::process::parent_id();
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => shutdown.trigger("SIGTERM"),
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                    () = tokio::time::sleep(PARENT_INTERVAL) => {
                        if std::os::unix::process::parent_id() != parent {
                            shutdown.trigger("the host is gone");
                        }
                    }
                }
            }
        });
        Ok(())
    }
}
