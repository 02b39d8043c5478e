//! How the rotation orchestrator invokes a function.

use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

/// A boxed future, which keeps [`Invoke`] usable as a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function's failure, as Lambda reports it (Lambda developer guide, "Errors and automatic retries").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// The `errorType`, such as `Runtime.ExitError`, or a name that the function chose.
    pub error_type: String,
    /// The `errorMessage`.
    pub message: String,
}

impl FunctionError {
    /// Creates a failure.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into() }
    }

    /// The failure of an invocation that timed out.
    pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        Self::new(
            "Sandbox.Timedout",
            format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
        )
    }
}

/// A function that can be invoked with an event.
pub trait Invoke: Send + Sync {
    /// Invokes it with `event`, and waits at most `timeout` for its answer.
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>>;
}

/// A closure from an event to a future is a function. The future is dropped at the timeout.
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
