//! `/api/…`: requests to the platform's API, with the secret's token and nothing else changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use super::keeper::{Held, Keeper};
use super::reply::{Reply, refusal, unavailable};
use crate::platform::Forwarder;
use crate::rotation::{ErrorKind, Result};

/// A body up to this size, in bytes, is read before it is forwarded, so that the request can be repeated.
const REPEATABLE: usize = 64 * 1024;
/// The largest error response that is examined, in bytes.
const LARGEST_ERROR: usize = 64 * 1024;
/// A connection that ends sooner than this after a request was idle before.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Headers for one connection (RFC 9110, section 7.6.1; RFC 2616, section 13.5.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const KEEP_ALIVE: [&str; 2] = ["keep-alive", "proxy-connection"];

/// A request to the platform, without its body.
struct Call<'a> {
    method: Method,
    target: &'a str,
    headers: HeaderMap,
    keeper: &'a Keeper,
    forwarder: &'a Forwarder,
}

/// The body of a request: held in memory, or on its way.
enum Sent {
    Whole(Bytes),
    Stream(reqwest::Body),
}

/// Forwards a request. If the platform rejects the token, the secret is read once more, and the request is repeated with
/// its new token if its body is still there: a rejected request was not carried out.
pub(super) async fn answer(request: Request<Incoming>, target: &str, keeper: &Keeper, forwarder: &Forwarder) -> Reply {
    let held = match keeper.live().await {
        Ok(held) => held,
        Err(error) => return unavailable(&error),
    };
    let (head, body) = request.into_parts();
    let mut headers = head.headers;
    remove_hop_by_hop(&mut headers);
    headers.remove(HOST);
    let call = Call { method: head.method, target, headers, keeper, forwarder };
    let broken = Arc::new(AtomicBool::new(false));
    let ended_early = || refusal(StatusCode::BAD_REQUEST, "bad.request", "the request's body ended early");
    let Ok(body) = Sent::read(body, &broken).await else { return ended_early() };
    let (whole, first) = match body {
        Sent::Whole(bytes) => (Some(bytes.clone()), body_of(bytes)),
        Sent::Stream(body) => (None, Some(body)),
    };
    let (response, is_rejected) = match call.send(&held, first, whole.as_ref()).await {
        Ok(answered) => answered,
        Err(_) if broken.load(Ordering::Relaxed) => return ended_early(),
        Err(error) => return unavailable(&error),
    };
    let Some(whole) = whole.filter(|_| is_rejected) else {
        if is_rejected {
            // For the next request: this one's body has passed.
            keeper.read_soon();
        }
        return response;
    };
    let Some(other) = keeper.after_rejection(&held).await else { return response };
    let again = call.send(&other, body_of(whole.clone()), Some(&whole)).await;
    again.map_or_else(|error| unavailable(&error), |(response, _)| response)
}

impl Call<'_> {
    /// Sends the request, and returns the response and whether the platform may have rejected the token. Some requests are
    /// sent again if their connection ends at once without a response: the platform closes connections that were idle.
    async fn send(&self, held: &Held, body: Option<reqwest::Body>, whole: Option<&Bytes>) -> Result<(Reply, bool)> {
        let send = async |body| {
            let (method, headers) = (self.method.clone(), self.headers.clone());
            self.forwarder.forward(&held.api, (method, self.target), headers, body, &held.token).await
        };
        let is_repeatable = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.method);
        let began = Instant::now();
        let response = match (send(body).await, whole) {
            (Err(error), Some(whole))
                if is_repeatable && error.kind() == ErrorKind::PlatformUnavailable && began.elapsed() < AT_ONCE =>
            {
                send(body_of(whole.clone())).await
            }
            (sent, _) => sent,
        };
        let (response, is_rejected) = is_token_rejected(passed(response?)).await;
        if is_rejected {
            self.keeper.doubt(&held.token);
        }
        Ok((response, is_rejected))
    }
}

impl Sent {
    /// Reads a body, unless it is too long to be kept. `broken` is set if the rest of a longer one ends early.
    ///
    /// # Errors
    /// The body ended early.
    async fn read(mut body: Incoming, broken: &Arc<AtomicBool>) -> std::result::Result<Self, hyper::Error> {
        let broken = broken.clone();
        let on_error = move |error| {
            broken.store(true, Ordering::Relaxed);
            error
        };
        if body.size_hint().exact().is_some_and(|size| size > REPEATABLE as u64) {
            return Ok(Self::Stream(reqwest::Body::wrap(body.map_err(on_error))));
        }
        let mut begin = Vec::new();
        while let Some(frame) = body.frame().await {
            // Trailers belong to the connection.
            begin.extend_from_slice(&frame?.into_data().unwrap_or_default());
            if begin.len() > REPEATABLE {
                let begin = stream::iter([Ok(Frame::data(begin.into()))]);
                let all = StreamBody::new(begin.chain(BodyStream::new(body)));
                return Ok(Self::Stream(reqwest::Body::wrap(all.map_err(on_error))));
            }
        }
        Ok(Self::Whole(begin.into()))
    }
}

fn body_of(bytes: Bytes) -> Option<reqwest::Body> {
    (!bytes.is_empty()).then(|| bytes.into())
}

/// The platform's response without the headers of its connection.
fn passed(response: reqwest::Response) -> Reply {
    let mut response: Response<reqwest::Body> = response.into();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let message = "the platform changed the protocol, which was not requested";
        return refusal(StatusCode::BAD_GATEWAY, "service.unavailable", message);
    }
    remove_hop_by_hop(response.headers_mut());
    response.map(|body| body.boxed())
}

/// Whether the platform does not accept the token. An address that is not allowed is another matter.
async fn is_token_rejected(response: Reply) -> (Reply, bool) {
    if response.status() != StatusCode::UNAUTHORIZED {
        return (response, false);
    }
    let (head, mut body) = response.into_parts();
    let mut begin = Vec::new();
    while begin.len() <= LARGEST_ERROR {
        match body.frame().await {
            Some(Ok(frame)) => begin.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) => {
                let message = "the platform's answer ended early";
                return (refusal(StatusCode::BAD_GATEWAY, "service.unavailable", message), true);
            }
            None => break,
        }
    }
    let json = serde_json::from_slice::<serde_json::Value>(&begin).unwrap_or_default();
    let is_about_address = json["code"].as_str().is_some_and(|code| code.starts_with("ip."));
    let body = match body.is_end_stream() {
        true => Full::new(begin.into()).map_err(|never| match never {}).boxed(),
        false => {
            let begin = stream::iter([Ok(Frame::data(begin.into()))]);
            BodyExt::boxed(StreamBody::new(begin.chain(BodyStream::new(body))))
        }
    };
    (Response::from_parts(head, body), !is_about_address)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // It prevails (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    for name in KEEP_ALIVE {
        headers.remove(name);
    }
}

/// Whether a path has a segment that would leave it. The platform may decode it, even twice, take a backslash for a slash,
/// and ignore what follows a semicolon.
pub(super) fn leaves(path: &str) -> bool {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let twice = percent_decode_str(&decoded).decode_utf8_lossy();
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    [path, &decoded, &twice].into_iter().any(|path| path.split(['/', '\\']).any(is_dots))
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_path_leaves_the_api_however_it_is_decoded(
            parts in vec(
                prop::sample::select(vec![
                    "a", ".", "..", "/", "\\", ";", ";x=1", "%2e", "%2E", "%2f", "%5C", "%3b", "%252e", "%252F", "%", "%25", "\u{e9}",
                ]),
                0..12,
            ),
        ) {
            let path = format!("/api/{}", parts.concat());
            let mut read = path.clone();
            for _ in 0..3 {
                let mut depth = 0;
                for segment in read.replace('\\', "/").split('/').skip(2) {
                    depth += match segment.split(';').next() {
                        Some("..") => -1,
                        Some("." | "") => 0,
                        _ => 1,
                    };
                    prop_assert!(depth >= 0 || leaves(&path), "{path}, read as {read}");
                }
                read = percent_decode_str(&read).decode_utf8_lossy().into_owned();
            }
        }
    }
}
