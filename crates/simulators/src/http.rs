//! The HTTP server of the simulators, on loopback: it reads a request, applies a fault if one matches, and otherwise
//! passes the request to the service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::faults::{Effect, FaultAnswer, Faults};
use crate::journal::Journal;

/// The largest request body that is read, in bytes. Lambda's limit for an answer is below it.
const REQUEST_LIMIT: usize = 8 << 20;

/// The answer of a service.
pub type Reply = Response<Full<Bytes>>;

/// A request with its whole body.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: Method,
    /// The path without the query, such as `/api/v2/users/me`.
    pub path: String,
    /// The decoded pairs of the query, in order.
    pub query: Vec<(String, String)>,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, empty if there is none.
    pub body: Bytes,
}

impl Request {
    /// Returns the first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns a header field as text; `None` if it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A simulated service.
pub trait Service: Send + Sync + 'static {
    /// Returns the operation's name in faults and in the journal: the Secrets Manager action (`PutSecretValue`), or method
    /// and path (`POST /oauth/token`).
    fn operation(&self, request: &Request) -> String;

    /// Executes the request.
    fn answer(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// Answers a request of the control surface; `None` for any other request. Control requests are not recorded, and
    /// faults do not apply to them.
    fn control(&self, _request: &Request, _faults: &Faults, _journal: &Journal) -> Option<Reply> {
        None
    }
}

/// A running server. It stops and closes its connections when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `service` on a port of 127.0.0.1; port 0 selects a free one.
    ///
    /// # Errors
    /// The port could not be bound.
    pub async fn start<S: Service>(port: u16, service: Arc<S>, faults: Faults, journal: Journal) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, service, faults, journal));
        Ok(Self { address, task })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Creates a JSON answer.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Reply {
    raw(status, "application/json", body.to_string())
}

/// Creates the answer to a token request, which nobody may cache (RFC 6749, section 5.1).
pub fn token(body: &serde_json::Value) -> Reply {
    let mut reply = json(StatusCode::OK, body);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Creates an answer of any content type.
pub fn raw(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        reply.headers_mut().insert(CONTENT_TYPE, value);
    }
    reply
}

/// Creates an answer without a body.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

async fn accept<S: Service>(listener: TcpListener, service: Arc<S>, faults: Faults, journal: Journal) {
    // The set aborts its tasks when this future is dropped, so connections end with the server.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&service), faults.clone(), journal.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<S: Service>(stream: TcpStream, service: Arc<S>, faults: Faults, journal: Journal) {
    stream.set_nodelay(true).ok();
    let handle = service_fn(|request| {
        let (service, faults, journal) = (Arc::clone(&service), faults.clone(), journal.clone());
        async move { handle(request, service, faults, journal).await }
    });
    // An error means that the client disconnected, or that a fault dropped the connection.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handle).await.ok();
}

/// An error that makes hyper close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped by a fault")]
struct Dropped;

async fn handle<S: Service>(
    request: hyper::Request<Incoming>,
    service: Arc<S>,
    faults: Faults,
    journal: Journal,
) -> Result<Reply, Dropped> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(reply) => return Ok(reply),
    };
    if let Some(reply) = service.control(&request, &faults, &journal) {
        return Ok(reply);
    }
    let operation = service.operation(&request);
    let call = journal.begin(&operation);
    let reply = match faults.next(&operation, &request.headers) {
        None => Ok(service.answer(request).await),
        Some(effect) => apply(effect, request, service, &faults).await,
    };
    call.end(reply.as_ref().ok().map(Response::status));
    reply
}

async fn apply<S: Service>(
    effect: Effect,
    request: Request,
    service: Arc<S>,
    faults: &Faults,
) -> Result<Reply, Dropped> {
    match effect {
        Effect::Answer(answer) => Ok(reply(answer)),
        Effect::Delay(delay) => {
            tokio::time::sleep(delay).await;
            Ok(service.answer(request).await)
        }
        Effect::DelayAnswer(delay) => {
            let answer = service.answer(request).await;
            tokio::time::sleep(delay).await;
            Ok(answer)
        }
        Effect::Meet(barrier) => {
            barrier.wait().await;
            Ok(service.answer(request).await)
        }
        Effect::Drop => Err(Dropped),
        Effect::LoseAnswer => {
            service.answer(request).await;
            Err(Dropped)
        }
        Effect::Late(delay) => {
            // On its own task, because the connection ends now.
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                service.answer(request).await;
            });
            Err(Dropped)
        }
        Effect::Hang => std::future::pending::<Result<Reply, Dropped>>().await,
        Effect::KillBefore => {
            faults.kill();
            Err(Dropped)
        }
        Effect::KillAfter => {
            service.answer(request).await;
            faults.kill();
            Err(Dropped)
        }
    }
}

fn reply(answer: FaultAnswer) -> Reply {
    let mut reply = raw(answer.status, &answer.content_type, answer.body);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, Reply> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_LIMIT)
        .collect()
        .await
        .map_err(|_| raw(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "the request body is over 8 MiB"))?
        .to_bytes();
    let query = parts.uri.query().unwrap_or_default();
    Ok(Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
    })
}
