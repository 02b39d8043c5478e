//! The HTTP client for all platforms: short timeouts, no redirects, bounded responses.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use zeroize::Zeroizing;

use crate::connection::Peer;
use crate::rotation::{ErrorKind, Result, RotationError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept for requests of other programs.
#[cfg(feature = "cli")]
const POOLED: Duration = Duration::from_secs(20);
/// The maximum size of a response in bytes; that of a token is below one thousand.
const LARGEST_RESPONSE: usize = 256 * 1024;
/// Longer waits are cut to one day, in seconds.
const LONGEST_RETRY_AFTER: i64 = 24 * 3600;

/// The HTTP client. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    client: Arc<OnceLock<Client>>,
    direct: bool,
    /// The longest time without a byte of an answer, instead of the limits of this program's own requests.
    #[cfg(feature = "cli")]
    silence: Option<Duration>,
}

/// A response whose body has been read.
pub(super) struct PlatformResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// May hold a token, so it is never printed.
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl HttpClient {
    /// Creates a client; `direct` ignores the proxies of the environment.
    pub(super) fn new(direct: bool) -> Self {
        Self {
            client: Arc::default(),
            direct,
            #[cfg(feature = "cli")]
            silence: None,
        }
    }

    /// Returns a client for requests of other programs, which may take any time, as long as bytes arrive. It adds the
    /// header `Accept: */*` to requests without one.
    #[cfg(feature = "cli")]
    pub(super) fn for_others(&self, silence: Duration) -> Self {
        Self { client: Arc::default(), direct: self.direct, silence: Some(silence) }
    }

    /// Starts a request.
    ///
    /// # Errors
    /// The client cannot be created, for example because the machine has no CA certificates.
    pub(super) fn request(&self, method: reqwest::Method, url: &str) -> Result<RequestBuilder> {
        Ok(self.client()?.request(method, url))
    }

    /// Creates the client at its first use: reading the certificates would add milliseconds to each cold start.
    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(redirect::Policy::none())
            // A dead HTTP/2 connection would be used for every retry, a dead HTTP/1.1 connection only once.
            .http1_only();
        #[cfg(feature = "cli")]
        if let Some(silence) = self.silence {
            let builder_of_others = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(silence);
            // Load balancers close idle connections, often after a minute, and a request may meet the end of its connection.
            let builder_of_others = builder_of_others.pool_idle_timeout(POOLED);
            builder = builder_of_others.redirect(redirect::Policy::none()).http1_only();
        }
        if self.direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            RotationError::new(ErrorKind::PlatformUnavailable, "the HTTPS client could not be created")
                .with_source(error)
                .with_hint("install CA certificates on this machine (package ca-certificates)")
                .permanent()
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// Sends a request and reads the response.
///
/// # Errors
/// `PlatformUnavailable` without a response, for a redirect, and for a response that is too large.
pub(super) async fn send(request: RequestBuilder) -> Result<PlatformResponse> {
    let response = request.send().await.map_err(unreachable)?;
    refuse_redirect(&response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(PlatformResponse { status, headers, body: read(response).await? })
}

/// Why a request that creates something returned nothing usable.
pub(super) enum CreationFailure {
    /// The platform created nothing.
    NotCreated(RotationError),
    /// The platform may have created it: the answer is missing or unreadable, or a server error.
    AnswerLost(RotationError),
}

/// Sends a request that creates something, and reads its answer with `read`.
pub(super) async fn send_creating<T>(
    request: RequestBuilder,
    read_answer: impl FnOnce(&PlatformResponse) -> Result<T>,
) -> std::result::Result<T, CreationFailure> {
    let response = match request.send().await {
        Ok(response) => response,
        // Without a connection, nothing was sent.
        Err(error) if error.is_connect() => return Err(CreationFailure::NotCreated(unreachable(error))),
        Err(error) => return Err(CreationFailure::AnswerLost(unreachable(error))),
    };
    refuse_redirect(&response).map_err(CreationFailure::NotCreated)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read(response).await.map_err(CreationFailure::AnswerLost)?;
    let may_exist = status.is_success() || status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    read_answer(&PlatformResponse { status, headers, body }).map_err(|error| match error.kind() {
        ErrorKind::PlatformUnavailable if may_exist => CreationFailure::AnswerLost(error),
        _ => CreationFailure::NotCreated(error),
    })
}

/// Sends a request and reads the body only of an error response.
///
/// # Errors
/// As for [`send`].
pub(super) async fn send_for_status(request: RequestBuilder) -> Result<PlatformResponse> {
    let response = request.send().await.map_err(unreachable)?;
    refuse_redirect(&response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = if status.is_success() { Zeroizing::default() } else { read(response).await? };
    Ok(PlatformResponse { status, headers, body })
}

/// Returns the wait of the `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3), which counts from the
/// response's own `Date`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let after = text(RETRY_AFTER)?;
    let seconds = match rfc2822::parse(after) {
        Ok(date) => date.timestamp().as_second() - rfc2822::parse(text(DATE)?).ok()?.timestamp().as_second(),
        Err(_) if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) => {
            after.parse().unwrap_or(LONGEST_RETRY_AFTER)
        }
        Err(_) => return None,
    };
    Some(Duration::from_secs(seconds.clamp(0, LONGEST_RETRY_AFTER).unsigned_abs()))
}

/// Returns the id by which the platform's support finds the call. Errors contain it, so other text is dropped.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("inin-correlation-id").or_else(|| headers.get("genesys-correlation-id"))?;
    let id = value.to_str().ok()?;
    let plain = id.len() <= 64 && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    (plain && !id.is_empty() && !may_be_secret(id)).then(|| id.to_owned())
}

/// Returns whether a text mixes digits, capitals and small letters, as generated secrets do and codes and ids do not.
pub(super) fn may_be_secret(text: &str) -> bool {
    let kinds = [char::is_ascii_digit, char::is_ascii_uppercase, char::is_ascii_lowercase];
    kinds.into_iter().all(|kind: fn(&char) -> bool| text.chars().any(|letter| kind(&letter)))
}

/// Reads the body of a response up to the size limit.
pub(super) async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>> {
    let announced = response.content_length().unwrap_or(0);
    if announced > LARGEST_RESPONSE as u64 {
        return Err(too_large(&response));
    }
    let mut body = Zeroizing::new(Vec::with_capacity(announced as usize));
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST_RESPONSE {
            return Err(too_large(&response));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(response: &Response) -> RotationError {
    let message = format!("the platform's response exceeds {LARGEST_RESPONSE} bytes");
    let error = RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_correlation_id(correlation_id(response.headers()))
        .with_hint("another server answered in place of the platform's API: check ROTATOR_LOGIN_URL, ROTATOR_API_URL and any proxy");
    // A large error page may be temporary; a large success is not.
    if response.status().is_success() { error.permanent() } else { error }
}

/// # Errors
/// A permanent `PlatformUnavailable` for a redirect.
pub(super) fn refuse_redirect(response: &Response) -> Result<()> {
    if !response.status().is_redirection() {
        return Ok(());
    }
    let message =
        format!("{} returned a redirect; requests with credentials do not follow redirects", origin(response));
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

/// Returns an `Authorization` header that is marked sensitive, so that it is not logged.
///
/// # Errors
/// `TokenRejected` if the token contains characters that no header may contain.
pub(super) fn bearer(token: &str) -> Result<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        RotationError::new(ErrorKind::TokenRejected, "the token has characters that no header may contain")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
pub(super) mod one_answer {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::spawn;

    use super::*;

    /// Creates a request to a server that answers once. Only some servers announce the length of a body.
    pub(in crate::platform) fn request(status: u16, body: Vec<u8>, has_length: bool) -> RequestBuilder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let received = stream.read(&mut [0; 4096]).expect("a request");
            assert_ne!(received, 0);
            let length = if has_length { format!("content-length: {}\r\n", body.len()) } else { String::new() };
            let head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\n{length}\r\n");
            // The client ends the connection if the body is too large.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        });
        HttpClient::new(true).request(reqwest::Method::POST, &format!("http://{address}/")).expect("a client")
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::one_answer::request;
    use super::*;
    use crate::rotation::Retryability;

    #[tokio::test]
    async fn a_creation_may_be_lost_only_if_the_status_does_not_deny_it() {
        for (status, is_lost) in [(200, true), (408, true), (500, true), (404, false), (409, false)] {
            let unreadable = |response: &PlatformResponse| response.json::<u64>("creating it").map(drop);
            let created = send_creating(request(status, b"?".to_vec(), true), unreadable).await;
            assert_eq!(matches!(created, Err(CreationFailure::AnswerLost(_))), is_lost, "{status}");
        }
        let denied = |response: &PlatformResponse| Err::<(), _>(response.error(ErrorKind::PermissionMissing, "no"));
        let created = send_creating(request(500, Vec::new(), true), denied).await;
        assert!(matches!(created, Err(CreationFailure::NotCreated(_))));
    }

    #[tokio::test]
    async fn a_response_has_a_maximum_size() {
        for (size, status, expected) in [
            (LARGEST_RESPONSE, 200, None),
            (LARGEST_RESPONSE + 1, 200, Some(Retryability::Permanent)),
            (LARGEST_RESPONSE + 1, 500, Some(Retryability::Transient)),
        ] {
            for has_length in [true, false] {
                let sent = send(request(status, vec![b' '; size], has_length)).await;
                assert_eq!(sent.err().map(|error| error.retryability()), expected, "{size} {status} {has_length}");
            }
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_error_that_names_the_server() {
        let error = send(request(302, Vec::new(), true)).await.err().expect("a redirect");
        assert_eq!(error.retryability(), Retryability::Permanent);
        assert!(error.to_string().starts_with("http://127.0.0.1:"), "{error}");
    }

    #[test]
    fn a_correlation_id_is_kept_if_it_has_the_form_of_one() {
        let long = "x".repeat(65);
        for (name, text, is_kept) in [
            ("inin-correlation-id", "5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", true),
            ("genesys-correlation-id", "a-1", true),
            ("inin-correlation-id", &long[1..], true),
            ("inin-correlation-id", &long, false),
            ("inin-correlation-id", "", false),
            ("inin-correlation-id", "a b", false),
            ("inin-correlation-id", "kD83nXw0Zq", false),
            ("x-request-id", "a-1", false),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(text).expect("text"))]);
            assert_eq!(correlation_id(&headers).as_deref(), is_kept.then_some(text), "{name}: {text}");
        }
    }

    #[tokio::test]
    async fn a_creation_that_was_not_sent_created_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let request = HttpClient::new(true).request(reqwest::Method::POST, &format!("http://{address}/"));
        let created = send_creating(request.expect("a client"), |_| Ok(())).await;
        let Err(CreationFailure::NotCreated(error)) = created else { panic!("nothing listens there") };
        assert_eq!(error.retryability(), Retryability::Transient);
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    const DATE_OF_RESPONSE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn wait(after: &str, date: Option<&str>) -> Option<u64> {
        let header = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
        let headers = [(RETRY_AFTER, header(after)), (DATE, date.and_then(header))];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        for (after, seconds) in [
            ("0", Some(0)),
            (" 42 ", Some(42)),
            ("99999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Mon, 06 Nov 2034 08:49:07 GMT", Some(86_400)),
            ("-1", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(wait(after, Some(DATE_OF_RESPONSE)), seconds, "{after}");
        }
        assert_eq!(wait(DATE_OF_RESPONSE, None), None, "the date counts from an unknown time");
    }

    proptest! {
        #[test]
        fn retry_after_is_at_most_a_day(after in any::<String>(), seconds in any::<u64>(), date in any::<Option<String>>()) {
            prop_assert!(wait(&after, date.as_deref()).is_none_or(|wait| wait <= 86_400));
            prop_assert_eq!(wait(&seconds.to_string(), date.as_deref()), Some(seconds.min(86_400)));
        }
    }
}
