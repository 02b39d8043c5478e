//! The Runtime API of one process (Lambda developer guide, "Runtime API").

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::http::{self, Reply, Request, Service};
use crate::invoke::FunctionError;

/// The path prefix of all operations.
const BASE: &str = "/2018-06-01/runtime/";
/// The status of an accepted answer.
const OK: &str = "OK";
/// Limits an answer, in bytes: 6 MiB and 100 bytes (Runtime Interface Emulator, `MaxPayloadSize`).
const LARGEST_ANSWER: usize = 6_291_556;

/// The error type of an answer over the limit.
const TOO_LARGE: &str = "Function.ResponseSizeTooLarge";

type Outcome = Result<Value, FunctionError>;

/// An event for the process.
pub(super) struct Invocation {
    request_id: String,
    event: String,
    timeout: Duration,
    function: String,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Outcome>,
}

impl Invocation {
    /// Creates an invocation, with the receivers that report that the process took it and what it answered.
    pub(super) fn new(
        request_id: &str,
        event: String,
        timeout: Duration,
        function: &str,
    ) -> (Self, oneshot::Receiver<()>, oneshot::Receiver<Outcome>) {
        let (taken, was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let (request_id, function) = (request_id.to_owned(), function.to_owned());
        (Self { request_id, event, timeout, function, taken, answer }, was_taken, answered)
    }
}

/// The event that the process is handling.
struct Busy {
    request_id: String,
    answer: oneshot::Sender<Outcome>,
}

/// The state of the process (Runtime Interface Emulator, `core/states.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum RuntimeState {
    #[default]
    Started,
    InitError,
    Ready,
    Running,
    InvocationResponse,
    InvocationErrorResponse,
    RuntimeResponseSentState,
}

/// The Runtime API of one process.
#[derive(Default)]
pub(super) struct RuntimeApi {
    state: Mutex<RuntimeState>,
    offered: Mutex<Option<Invocation>>,
    offer: Notify,
    busy: Mutex<Option<Busy>>,
    init_error: Mutex<Option<FunctionError>>,
}

impl RuntimeApi {
    /// Offers an event for the process's next request.
    pub(super) fn offer(&self, invocation: Invocation) {
        *self.offered.lock() = Some(invocation);
        self.offer.notify_one();
    }

    /// Returns the error that the process reported about its initialization.
    pub(super) fn init_error(&self) -> Option<FunctionError> {
        self.init_error.lock().clone()
    }

    /// Enters a state from those that allow it. Returns the refusal otherwise.
    fn enter(&self, next: RuntimeState, from: &[RuntimeState]) -> Option<Reply> {
        let mut state = self.state.lock();
        if from.contains(&state) {
            *state = next;
            return None;
        }
        let message = format!(
            "State transition from {state:?} to {next:?} failed for runtime. Error: State transition is not allowed"
        );
        Some(refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", &message))
    }

    async fn next(&self) -> Reply {
        use RuntimeState::{Ready, Running, RuntimeResponseSentState, Started};
        if let Some(refused) = self.enter(Ready, &[Started, Ready, Running, RuntimeResponseSentState]) {
            return refused;
        }
        loop {
            let invocation = self.offered.lock().take();
            if let Some(invocation) = invocation {
                return self.hand_over(invocation);
            }
            self.offer.notified().await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the function compares the deadline with the machine's clock")]
    fn hand_over(&self, invocation: Invocation) -> Reply {
        let Invocation { request_id, event, timeout, function, taken, answer } = invocation;
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline = Timestamp::now().as_millisecond().saturating_add_unsigned(milliseconds);
        let mut reply = http::raw(StatusCode::OK, "application/json", event);
        let fields = [
            ("lambda-runtime-aws-request-id", request_id.clone()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
            ),
            ("lambda-runtime-trace-id", trace_id()),
        ];
        for (name, value) in fields {
            if let Ok(value) = value.parse() {
                reply.headers_mut().insert(name, value);
            }
        }
        *self.busy.lock() = Some(Busy { request_id, answer });
        *self.state.lock() = RuntimeState::Running;
        taken.send(()).ok();
        reply
    }

    /// Ends an invocation. `entered` is the state in which its answer is read.
    fn end(&self, request_id: &str, entered: RuntimeState, outcome: Outcome) -> Reply {
        if let Some(refused) = self.enter(entered, &[RuntimeState::Running]) {
            return refused;
        }
        let busy = self.busy.lock().take_if(|busy| busy.request_id == request_id);
        let Some(busy) = busy else {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        };
        *self.state.lock() = RuntimeState::RuntimeResponseSentState;
        let is_too_large = matches!(&outcome, Err(error) if error.error_type == TOO_LARGE);
        busy.answer.send(outcome).ok();
        if is_too_large {
            let message = format!("Exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
        }
        http::json(StatusCode::ACCEPTED, &json!({ "status": OK }))
    }

    fn fail_init(&self, request: &Request) -> Reply {
        if let Some(refused) = self.enter(RuntimeState::InitError, &[RuntimeState::Started]) {
            return refused;
        }
        *self.init_error.lock() = Some(error_of(request));
        http::json(StatusCode::ACCEPTED, &json!({ "status": OK }))
    }
}

impl Service for RuntimeApi {
    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method, request.path)
    }

    async fn answer(&self, request: Request) -> Reply {
        let path = request.path.strip_prefix(BASE).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["invocation", "next"]) => self.next().await,
            ("POST", ["init", "error"]) => self.fail_init(&request),
            ("POST", ["invocation", id, "error"]) => {
                self.end(id, RuntimeState::InvocationErrorResponse, Err(error_of(&request)))
            }
            ("POST", ["invocation", id, "response"]) => {
                self.end(id, RuntimeState::InvocationResponse, parse_response(&request))
            }
            _ => refuse(StatusCode::NOT_FOUND, "NotFound", "The operation does not exist."),
        }
    }
}

fn parse_response(request: &Request) -> Outcome {
    let size = request.body.len();
    if size > LARGEST_ANSWER {
        let limit = format!("exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).");
        return Err(FunctionError::new(TOO_LARGE, format!("Response payload size ({size} bytes) {limit}")));
    }
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&request.body)
        .map_err(|_| FunctionError::new("Runtime.InvalidResponse", "The function's response isn't JSON."))
}

/// Reads an error from a body `{"errorType", "errorMessage", "stackTrace"}`. Without `errorType`, the header names the
/// type.
fn error_of(request: &Request) -> FunctionError {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let header = request.header("lambda-runtime-function-error-type").map(str::to_owned);
    let error_type = text("errorType").or(header).unwrap_or_else(|| "Runtime.Unknown".to_owned());
    FunctionError::new(error_type, text("errorMessage").unwrap_or_default())
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Reply {
    http::json(status, &json!({ "errorType": error_type, "errorMessage": message }))
}

fn trace_id() -> String {
    let id = Uuid::new_v4().simple().to_string();
    let (time, rest) = id.split_at(8);
    format!("Root=1-{time}-{};Parent={};Sampled=0", &rest[..24], &Uuid::new_v4().simple().to_string()[..16])
}
