//! How the process ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often to look whether the host still lives. Its connection tells sooner, once there is one.
const PARENT_INTERVAL: Duration = Duration::from_millis(500);

/// The end of the process, which many can bring about and many wait for.
#[derive(Clone)]
pub(crate) struct End {
    reason: Arc<watch::Sender<Option<&'static str>>>,
}

impl End {
    pub(crate) fn new() -> Self {
        Self { reason: Arc::new(watch::Sender::new(None)) }
    }

    /// It ends now. The first reason counts.
    pub(crate) fn reach(&self, reason: &'static str) {
        self.reason.send_if_modified(|current| {
            let is_first = current.is_none();
            current.get_or_insert(reason);
            is_first
        });
    }

    /// Waits for the end, and says why it came.
    pub(crate) async fn reached(&self) -> &'static str {
        let mut receiver = self.reason.subscribe();
        let reason = receiver.wait_for(Option::is_some).await;
        // There is a sender as long as this is here.
        reason.ok().and_then(|reason| *reason).unwrap_or_default()
    }

    /// Ends with the signals that ask for it, and with the parent.
    ///
    /// A terminal sends SIGINT and SIGHUP to the host and to its plugins alike. The host still needs
    /// its plugins to end in order, so these are left to it.
    pub(crate) fn watch(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let parent = std::os::unix::process::parent_id();
        let end = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => end.reach("SIGTERM"),
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                    () = tokio::time::sleep(PARENT_INTERVAL) => {
                        if std::os::unix::process::parent_id() != parent {
                            end.reach("the host is gone");
                        }
                    }
                }
            }
        });
        Ok(())
    }
}
