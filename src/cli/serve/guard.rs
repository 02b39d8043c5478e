//! Requests that this endpoint refuses, with and without credentials.

use hyper::{Method, Request, StatusCode, Uri};
use reqwest::header::{HOST, HeaderMap, ORIGIN, UPGRADE};

use super::reply::{Reply, refusal};

/// The names under which callers may reach this endpoint; `None` for a Unix socket, which no browser can reach.
pub(super) struct Guard {
    hosts: Option<Vec<String>>,
}

impl Guard {
    /// Accepts a loopback address, and not the name localhost: it may lead to the same port of another loopback address,
    /// which any user of this machine can listen on.
    pub(super) fn of_address(address: std::net::SocketAddr) -> Self {
        let port = address.port();
        let without_port = (port == 80).then(|| address.to_string().trim_end_matches(":80").to_owned());
        Self { hosts: Some([address.to_string()].into_iter().chain(without_port).collect()) }
    }

    /// Accepts every name.
    pub(super) fn of_socket() -> Self {
        Self { hosts: None }
    }

    /// Refuses requests for other hosts, requests of browsers, and requests that need another protocol.
    ///
    /// # Errors
    /// The answer.
    pub(super) fn check<T>(&self, request: &Request<T>) -> Result<(), Box<Reply>> {
        let (headers, target) = (request.headers(), request.uri());
        // An offer of HTTP/2 may be ignored (RFC 9110, section 7.8). Some clients send it with their first request.
        if request.method() == Method::CONNECT || headers.get(UPGRADE).is_some_and(|protocol| protocol != "h2c") {
            let message = "this endpoint forwards plain HTTP/1.1 requests only: no tunnels, upgrades or WebSockets";
            return Err(refusal(StatusCode::NOT_IMPLEMENTED, "not.implemented", message).into());
        }
        if !self.is_for_this_host(headers, target) {
            let message = "the request names another host than this endpoint; use its address as printed at the start";
            return Err(refusal(StatusCode::MISDIRECTED_REQUEST, "misdirected.request", message).into());
        }
        // Browsers send at least one of these with every request that a page can cause (Fetch standard).
        if headers.contains_key(ORIGIN) || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")) {
            let message = "this endpoint does not answer browsers";
            return Err(refusal(StatusCode::FORBIDDEN, "not.authorized", message).into());
        }
        Ok(())
    }

    fn is_for_this_host(&self, headers: &HeaderMap, target: &Uri) -> bool {
        let Some(hosts) = &self.hosts else { return target.authority().is_none() };
        let is_own = |name: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|host| host.to_str().ok());
        let has_one = host.is_some_and(is_own) && named.next().is_none();
        has_one && target.authority().is_none_or(|authority| is_own(authority.as_str()))
    }
}
