//! The routes of the endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use percent_encoding::percent_decode_str;
use reqwest::header::{CONNECTION, HeaderValue};
use serde_json::json;

use super::callers::Callers;
use super::guard::Guard;
use super::keeper::Keeper;
use super::metrics::{self, Counts};
use super::reply::{Reply, json, refusal, text};
use super::{forward, oauth};
use crate::platform::Forwarder;

/// What all connections share.
pub(super) struct Endpoint {
    pub(super) keepers: Vec<Keeper>,
    pub(super) callers: Callers,
    pub(super) forwarder: Forwarder,
    pub(super) guard: Guard,
    pub(super) has_metrics: bool,
    pub(super) counts: Counts,
}

/// A route.
enum Route<'a> {
    Token(usize),
    Call(usize, &'a str),
    Health,
    Metrics,
}

impl Endpoint {
    /// Answers a request. `is_known` is set once the connection has sent valid credentials.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>, is_known: &AtomicBool) -> Reply {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        if let Err(refusal) = self.guard.check(&request) {
            return *refusal;
        }
        let target = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
        let route = match self.find(&target) {
            Ok(route) => route,
            Err(refusal) => return *refusal,
        };
        let may_call = match route {
            Route::Call(secret, _) => self.callers.may_call(secret, request.headers()),
            Route::Metrics => self.callers.is_client(request.headers()),
            Route::Token(_) | Route::Health => true,
        };
        if may_call && matches!(route, Route::Call(..) | Route::Metrics) {
            is_known.store(true, Ordering::Relaxed);
        }
        match route {
            _ if !may_call => not_a_caller(),
            Route::Health => self.health(),
            Route::Metrics => text(StatusCode::OK, metrics::CONTENT_TYPE, metrics::text(&self.counts, &self.keepers)),
            Route::Token(secret) => {
                oauth::answer(request, secret, &self.keepers[secret], &self.callers, is_known).await
            }
            Route::Call(secret, target) => {
                self.counts.forwarded.fetch_add(1, Ordering::Relaxed);
                forward::answer(request, target, &self.keepers[secret], &self.forwarder).await
            }
        }
    }

    /// Finds the route.
    fn find<'a>(&self, target: &'a str) -> Result<Route<'a>, Box<Reply>> {
        match path_of(target) {
            "/healthz" => return Ok(Route::Health),
            "/metrics" if self.has_metrics => return Ok(Route::Metrics),
            _ => {}
        }
        let (secret, rest) = self.secret(target)?;
        match path_of(rest) {
            "/oauth/token" => Ok(Route::Token(secret)),
            path if self.is_call(secret, path) => Ok(Route::Call(secret, rest)),
            _ => {
                let message = "this endpoint answers /oauth/token, /api/… and /healthz only";
                Err(refusal(StatusCode::NOT_FOUND, "not.found", message).into())
            }
        }
    }

    /// Whether a path is one of the platform's API. Those of CXone have no common begin.
    fn is_call(&self, secret: usize, path: &str) -> bool {
        let is_genesys_cloud = self.keepers[secret].held().region.is_some();
        (path.starts_with("/api/") || !is_genesys_cloud) && path.starts_with('/') && !forward::leaves(path)
    }

    /// Returns the position of the secret, and the target without its name: `/secrets/NAME/…`, with the name as one
    /// percent-encoded segment. A single secret needs no name.
    fn secret<'a>(&self, target: &'a str) -> Result<(usize, &'a str), Box<Reply>> {
        let Some(rest) = target.strip_prefix("/secrets/") else {
            if self.keepers.len() == 1 {
                return Ok((0, target));
            }
            let message = "this endpoint serves several secrets: put /secrets/NAME before the path, with the name percent-encoded";
            return Err(refusal(StatusCode::BAD_REQUEST, "bad.request", message).into());
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let name = percent_decode_str(&rest[..end]).decode_utf8_lossy();
        match self.keepers.iter().position(|keeper| keeper.name == name) {
            Some(secret) => Ok((secret, &rest[end..])),
            None => {
                Err(refusal(StatusCode::NOT_FOUND, "not.found", "this endpoint does not serve a secret of that name")
                    .into())
            }
        }
    }

    /// 200 while every secret has a valid token. The answer names no secret: this route needs no credentials.
    fn health(&self) -> Reply {
        let ready = self.keepers.iter().filter(|keeper| keeper.is_ready()).count();
        let is_ready = ready == self.keepers.len();
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let status_name = if is_ready { "ok" } else { "unavailable" };
        let mut reply = json(status, &json!({"status": status_name, "secrets": self.keepers.len(), "ready": ready}));
        // A connection without credentials does not stay.
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        reply
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn not_a_caller() -> Reply {
    let message = "the request holds neither the credentials of this endpoint nor a token that it has handed out";
    refusal(StatusCode::UNAUTHORIZED, "bad.credentials", message)
}
