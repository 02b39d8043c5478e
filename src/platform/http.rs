//! One HTTP client for all platforms: short timeouts, no redirects, bounded answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use zeroize::Zeroizing;

use crate::connection::Peer;
use crate::rotation::{ErrorKind, Result, RotationError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes; a token's is below one thousand.
const LARGEST_ANSWER: usize = 256 * 1024;
/// A longer wait than a day says nothing sensible.
const LONGEST_RETRY_AFTER: u64 = 24 * 3600;

/// The client. Its connections are kept and shared by all clones.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Arc<OnceLock<Client>>,
    direct: bool,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// May hold a token, so it is never printed.
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// `direct` leaves out the proxies that the environment names.
    pub(super) fn new(direct: bool) -> Self {
        Self { client: Arc::default(), direct }
    }

    /// Begins a request.
    ///
    /// # Errors
    /// The client could not be set up, as where the machine has no certificates.
    pub(super) fn request(&self, method: reqwest::Method, url: &str) -> Result<RequestBuilder> {
        Ok(self.client()?.request(method, url))
    }

    /// Reading the certificates takes milliseconds that a cold start can do without,
    /// so the client is made at its first use.
    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(redirect::Policy::none())
            // A dead HTTP/2 connection would be taken for every retry; a dead HTTP/1.1 one is left after the first.
            .http1_only();
        if self.direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            RotationError::new(ErrorKind::PlatformUnavailable, "the HTTPS client could not be set up")
                .with_source(error)
                .with_hint("check that this machine has CA certificates (package ca-certificates)")
                .permanent()
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// Sends a request and reads the answer.
///
/// # Errors
/// `PlatformUnavailable` where there was no answer, or none that can be taken.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await.map_err(unreachable)?;
    refuse_redirect(&response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: read(response).await? })
}

/// Sends a request and looks at the answer's head alone where it is a success.
///
/// # Errors
/// As for [`send`].
pub(super) async fn send_for_status(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await.map_err(unreachable)?;
    refuse_redirect(&response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = if status.is_success() { Zeroizing::default() } else { read(response).await? };
    Ok(Answer { status, headers, body })
}

/// The seconds of a `Retry-After` header.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER)))
}

/// The id under which the platform's support finds the call. It is copied into errors,
/// so only what an id can look like is taken.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("inin-correlation-id").or_else(|| headers.get("genesys-correlation-id"))?;
    let id = value.to_str().ok()?;
    let plain = id.len() <= 64 && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    (plain && !id.is_empty()).then(|| id.to_owned())
}

/// Reads an answer that is not too large.
pub(super) async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>> {
    let announced = response.content_length().unwrap_or(0);
    if announced > LARGEST_ANSWER as u64 {
        return Err(too_large(&response));
    }
    let mut body = Zeroizing::new(Vec::with_capacity(announced as usize));
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(too_large(&response));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(response: &Response) -> RotationError {
    let message = format!("the platform's answer is larger than {LARGEST_ANSWER} bytes, and was not read");
    let error = RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_correlation_id(correlation_id(response.headers()))
        .with_hint("this is not the platform's API answering: check ROTATOR_LOGIN_URL, ROTATOR_API_URL and any proxy");
    // A large error page may pass; a large success will not get smaller.
    if response.status().is_success() { error.permanent() } else { error }
}

/// # Errors
/// `PlatformUnavailable`, for good, for an answer that points elsewhere.
pub(super) fn refuse_redirect(response: &Response) -> Result<()> {
    if !response.status().is_redirection() {
        return Ok(());
    }
    let message = format!("{} answers with a redirect, which is not followed with credentials", origin(response));
    Err(RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_correlation_id(correlation_id(response.headers()))
        .with_hint("the platform's API does not redirect: check ROTATOR_LOGIN_URL, ROTATOR_API_URL and any proxy or captive portal")
        .permanent())
}

fn origin(response: &Response) -> String {
    response.url().origin().ascii_serialization()
}

/// Explains a request that got no response.
pub(super) fn unreachable(error: reqwest::Error) -> RotationError {
    let origin = error.url().map(|url| url.origin().ascii_serialization());
    let peer = Peer {
        kind: ErrorKind::PlatformUnavailable,
        name: origin.as_deref().unwrap_or("the platform"),
        certificate_hint: "if a proxy inspects TLS, add its CA to this machine's certificates (SSL_CERT_FILE); otherwise the connection may be intercepted",
        hint: ErrorKind::PlatformUnavailable.hint(),
    };
    peer.unreachable(error)
}

/// A header value that no log prints.
///
/// # Errors
/// `TokenRejected` where the text cannot stand in a header.
pub(super) fn bearer(token: &str) -> Result<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        RotationError::new(ErrorKind::TokenRejected, "the token holds characters that no token can hold")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
