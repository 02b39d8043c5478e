//! `/api/…`: requests to the platform's API, with the secret's token and nothing else changed.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use reqwest::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};

use super::keeper::{Held, Keeper};
use super::reply::{Reply, refusal, unavailable};
use crate::platform::Forwarder;

/// A body up to this size, in bytes, is read before it is forwarded, so that the request can be repeated.
const REPEATABLE: u64 = 64 * 1024;
/// The largest error response that is examined, in bytes.
const LARGEST_ERROR: usize = 64 * 1024;
/// Headers for one connection (RFC 9110, section 7.6.1; RFC 2616, section 13.5.1).
const HOP_BY_HOP: [HeaderName; 6] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING];
const KEEP_ALIVE: [&str; 2] = ["keep-alive", "proxy-connection"];

/// The body of a request: held in memory, or on its way.
enum Sent {
    Whole(Bytes),
    Stream(Incoming),
    Nothing,
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
    let body = match body.size_hint().exact() {
        Some(0) => Sent::Nothing,
        Some(size) if size <= REPEATABLE => match body.collect().await {
            Ok(whole) => Sent::Whole(whole.to_bytes()),
            Err(_) => return refusal(StatusCode::BAD_REQUEST, "bad.request", "the body ended early"),
        },
        _ => Sent::Stream(body),
    };
    let send = |held: Arc<Held>, body: Option<reqwest::Body>| {
        let (method, headers) = (head.method.clone(), headers.clone());
        async move { forwarder.forward(&held.api, (method, target), headers, body, &held.token).await }
    };
    let (first, again) = match body {
        Sent::Nothing => (None, Some(None)),
        Sent::Whole(bytes) => (Some(bytes.clone().into()), Some(Some(bytes.into()))),
        Sent::Stream(body) => (Some(reqwest::Body::wrap(body)), None),
    };
    let response = match send(held.clone(), first).await {
        Ok(response) => passed(response),
        Err(error) => return unavailable(&error),
    };
    let (response, is_rejected) = is_token_rejected(response).await;
    keeper.record(&held.token, is_rejected);
    if !is_rejected {
        return response;
    }
    let Some(other) = keeper.after_rejection(&held).await else { return response };
    match again {
        Some(body) => match send(other.clone(), body).await {
            Ok(response) => {
                let (response, is_rejected) = is_token_rejected(passed(response)).await;
                keeper.record(&other.token, is_rejected);
                response
            }
            Err(error) => unavailable(&error),
        },
        None => response,
    }
}

/// The platform's response without the headers of its connection.
fn passed(response: reqwest::Response) -> Reply {
    let mut response: Response<reqwest::Body> = response.into();
    remove_hop_by_hop(response.headers_mut());
    response.map(|body| body.boxed())
}

/// Whether the platform does not accept the token. An address that is not allowed is another matter.
async fn is_token_rejected(response: Reply) -> (Reply, bool) {
    if response.status() != StatusCode::UNAUTHORIZED {
        return (response, false);
    }
    let (head, body) = response.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_ERROR).collect().await else {
        let message = "the platform's answer ended early";
        return (refusal(StatusCode::BAD_GATEWAY, "service.unavailable", message), false);
    };
    let body = body.to_bytes();
    let json = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
    let is_about_address = json["code"].as_str().is_some_and(|code| code.starts_with("ip."));
    let response = Response::from_parts(head, Full::new(body).map_err(|never| match never {}).boxed());
    (response, !is_about_address)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP).chain([&UPGRADE]) {
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
