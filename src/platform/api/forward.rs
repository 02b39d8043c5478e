//! Forwards requests of other programs to the API with a secret's token.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Body, Method, Response};
use secrecy::ExposeSecret;

use super::Api;
use crate::platform::http::{HttpClient, bearer, unreachable};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// The longest time from a request's start to its response, and between two parts of a response. The platform ends its own
/// requests after a minute.
const SILENCE: Duration = Duration::from_secs(90);

/// Forwards requests. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Forwarder {
    http: HttpClient,
}

impl Forwarder {
    /// Creates a forwarder that uses the proxies of the environment as `http` does.
    pub(in crate::platform) fn new(http: &HttpClient) -> Self {
        Self { http: http.for_others(SILENCE) }
    }

    /// Sends a request to the API, and returns its response as soon as the header has arrived. `target` is a path with its
    /// query, which begins with a slash.
    ///
    /// # Errors
    /// `PlatformUnavailable` without a response; `DeadlineExceeded` if the platform is silent for too long; `TokenRejected` for a token that a header cannot carry.
    pub async fn forward(
        &self,
        api: &Api,
        (method, target): (Method, &str),
        mut headers: HeaderMap,
        body: Option<Body>,
        token: &SecretString,
    ) -> Result<Response> {
        headers.insert(AUTHORIZATION, bearer(token.expose_secret())?);
        let request = self.http.request(method, &format!("{}{target}", api.base))?.headers(headers);
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        request.send().await.map_err(|error| match error.is_timeout() && !error.is_connect() {
            true => {
                let message = format!("the platform sent no response within {} s", SILENCE.as_secs());
                RotationError::new(ErrorKind::DeadlineExceeded, message)
                    .with_hint("the request may have been carried out; try again")
            }
            false => unreachable(error),
        })
    }
}
