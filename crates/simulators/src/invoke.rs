//! How the rotation orchestrator calls a function, and what a call comes to.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

/// A future on the heap, so that functions of any kind fit behind one trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function's failure, as Lambda reports it (Lambda developer guide, "Errors and
/// automatic retries").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// The `errorType`, such as `Runtime.ExitError` or a name of the function's own.
    pub error_type: String,
    /// The `errorMessage`.
    pub message: String,
}

impl FunctionError {
    /// A failure of a type, with a message.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into() }
    }

    /// The failure of an invocation that took longer than it may.
    pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        Self::new(
            "Sandbox.Timedout",
            format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
        )
    }
}

/// Something that can be invoked with an event and waited for.
pub trait Invoke: Send + Sync {
    /// Invokes it with `event` and gives it `timeout` for its answer.
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>>;
}

/// Any closure from an event to a future is a function; it is dropped when its time is up.
impl<F, Fut> Invoke for F
where
    F: Fn(Value) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Value, FunctionError>> + Send + 'static,
{
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>> {
        let answer = self(event);
        Box::pin(async move {
            let request_id = uuid::Uuid::new_v4().to_string();
            let late = |_| Err(FunctionError::timed_out(&request_id, timeout));
            tokio::time::timeout(timeout, answer).await.unwrap_or_else(late)
        })
    }
}
