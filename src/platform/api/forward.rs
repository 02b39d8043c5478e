//! Forwards requests of other programs to the API with a secret's token.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Body, Method, Response};
use secrecy::ExposeSecret;

use super::Api;
use crate::platform::http::{HttpClient, bearer, unreachable};
use crate::rotation::Result;
use crate::secret::SecretString;

/// The longest silence of the platform. It ends its own requests after a minute.
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
    /// `PlatformUnavailable` without a response; `TokenRejected` for a token that a header cannot carry.
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
        request.send().await.map_err(unreachable)
    }
}
