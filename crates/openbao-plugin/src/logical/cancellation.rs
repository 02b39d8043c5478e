//! The cancellation of a request by its host.

use std::fmt;

use tokio_util::sync::CancellationToken;

/// Tells whether the host canceled a request, because its caller left or the request timed out. Clones share it.
///
/// A request runs to completion unless its handler looks. A handler may leave a queue early, for example, but must not
/// leave work half done:
///
/// ```
/// use openbao_plugin::{Cancellation, Failure};
///
/// async fn turn(queue: &tokio::sync::Mutex<()>, caller: &Cancellation) -> Result<(), Failure> {
///     tokio::select! {
///         _turn = queue.lock() => Ok(()),
///         () = caller.canceled() => Err(Failure::internal("the caller left; nothing was changed")),
///     }
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// # let (queue, caller) = (tokio::sync::Mutex::new(()), Cancellation::new());
/// # assert!(turn(&queue, &caller).await.is_ok());
/// # let _held = queue.lock().await;
/// # caller.cancel();
/// # assert!(turn(&queue, &caller).await.is_err());
/// # });
/// ```
#[derive(Clone, Default)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    /// A request that is not canceled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels the request. The library does so; a test may as well.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Resolves when the request is canceled, and never if it is answered.
    pub async fn canceled(&self) {
        self.0.cancelled().await;
    }

    /// Returns whether the request was canceled.
    pub fn is_canceled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Cancellation").field(&self.is_canceled()).finish()
    }
}
