//! One attempt of a call, and its streamed response.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Api, ApiPath};
use crate::platform::http::{PlatformResponse, bearer, read, refuse_redirect, unreachable};
use crate::rotation::{ErrorKind, PlatformName, Result, RotationError};
use crate::secret::SecretString;

/// The timeout of a whole response; the caller sets a shorter one.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);
/// The timeout until the response's head arrives; the platform's own timeout is shorter.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum pause between two parts of a response.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A call of the API.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: ApiPath,
    /// The body: JSON.
    pub body: Option<Bytes>,
}

/// A response of the API.
pub enum ApiResponse {
    /// A success, whose body is read in parts.
    Success(SuccessBody),
    /// Any other response, with its body.
    Error(ErrorResponse),
}

/// The body of a successful response.
pub struct SuccessBody(Response);

/// A response with an error status.
pub struct ErrorResponse {
    response: PlatformResponse,
    what: String,
    is_repeatable: bool,
    platform: PlatformName,
}

impl ApiCall {
    /// Returns whether a retry is safe: every method except POST and PATCH is idempotent.
    pub fn is_repeatable(&self) -> bool {
        self.method != Method::POST && self.method != Method::PATCH
    }

    fn what(&self) -> String {
        let path = self.path.as_str().split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }
}

impl Api {
    /// Makes one attempt.
    ///
    /// # Errors
    /// `PlatformUnavailable` without a response; permanent if the call may have been executed and must not be repeated.
    pub async fn call(&self, call: &ApiCall, token: &SecretString) -> Result<ApiResponse> {
        let mut request = self.http.request(call.method.clone(), &format!("{}{}", self.base, call.path))?;
        request = request.header(AUTHORIZATION, bearer(token.expose_secret())?).header(ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let sent = tokio::time::timeout(HEAD_TIMEOUT, request.timeout(RESPONSE_TIMEOUT).send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let was_sent = !error.is_connect();
                return Err(unanswered(call, unreachable(error), was_sent));
            }
            Err(_) => {
                let message = format!("{} got no response in {} s", call.what(), HEAD_TIMEOUT.as_secs());
                return Err(unanswered(call, RotationError::new(ErrorKind::PlatformUnavailable, message), true));
            }
        };
        refuse_redirect(&response)?;
        if response.status().is_success() {
            return Ok(ApiResponse::Success(SuccessBody(response)));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(|error| unanswered(call, error, true))?;
        Ok(ApiResponse::Error(ErrorResponse {
            response: PlatformResponse { status, headers, body },
            what: call.what(),
            is_repeatable: call.is_repeatable(),
            platform: self.platform,
        }))
    }
}

impl SuccessBody {
    /// Returns the next part; `None` at the end.
    ///
    /// # Errors
    /// `PlatformUnavailable` if the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match tokio::time::timeout(PAUSE_TIMEOUT, self.0.chunk()).await {
            Ok(part) => part.map_err(|error| cut_off(unreachable(error))),
            Err(_) => {
                let message = format!("the response paused for more than {} s", PAUSE_TIMEOUT.as_secs());
                Err(cut_off(RotationError::new(ErrorKind::PlatformUnavailable, message)))
            }
        }
    }

    /// Reads the whole body, up to a size in bytes.
    ///
    /// # Errors
    /// As for [`next`](Self::next), and if the body is larger.
    pub async fn read_all(mut self, largest: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(part) = self.next().await? {
            if body.len() + part.len() > largest {
                let message = format!("a page of the response exceeds {largest} bytes");
                return Err(RotationError::new(ErrorKind::PlatformUnavailable, message)
                    .with_hint("request smaller pages, such as ?pageSize=25")
                    .permanent());
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

impl ErrorResponse {
    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// Returns whether the platform rejected the token.
    pub fn is_token_rejected(&self) -> bool {
        self.response.status == StatusCode::UNAUTHORIZED && self.error().kind() == ErrorKind::TokenRejected
    }

    /// Returns whether a retry of the call is safe and can succeed.
    pub fn is_retryable(&self) -> bool {
        let status = self.response.status;
        status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && self.is_repeatable)
    }

    /// Explains the response.
    pub fn error(&self) -> RotationError {
        let (status, code) = (self.response.status, self.response.code());
        match status {
            _ if status.is_server_error() && !self.is_repeatable => {
                let error = self.response.diagnose(&self.what).permanent();
                with_unknown_outcome(error)
            }
            // CXone returns no error code.
            StatusCode::UNAUTHORIZED if self.platform == PlatformName::Cxone => {
                let message = format!("{} does not accept the token ({})", self.what, status.as_u16());
                self.response.error(ErrorKind::TokenRejected, message)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                self.response.diagnose(&self.what)
            }
            _ if status.is_server_error() => self.response.diagnose(&self.what),
            _ => {
                let message = format!("{} failed ({} {code}", self.what, status.as_u16());
                let error = self.response.error(ErrorKind::ProbeFailed, format!("{})", message.trim_end()));
                error.with_hint(hint_for(status))
            }
        }
    }
}

fn hint_for(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            "check the path and its ids: resources of other divisions and organizations are not found either"
        }
        StatusCode::METHOD_NOT_ALLOWED => "use a method that the API reference lists for this path",
        StatusCode::CONFLICT => "read the resource again, and repeat the change on its current state",
        StatusCode::BAD_REQUEST => {
            "the response on standard output says what is wrong with the request; a client's token cannot call resources that need a user"
        }
        _ => "see the response on standard output",
    }
}

/// Marks the error of a call that is not idempotent and may have been executed.
pub fn with_unknown_outcome(error: RotationError) -> RotationError {
    let message = format!("{error}; the call may have been executed, and was not repeated");
    RotationError::new(error.kind(), message)
        .with_hint(
            "check whether the call was executed before you repeat it: a repeated POST or PATCH may take effect twice",
        )
        .permanent()
}

fn unanswered(call: &ApiCall, error: RotationError, was_sent: bool) -> RotationError {
    match (call.is_repeatable(), was_sent) {
        (true, _) => error,
        (false, true) => with_unknown_outcome(RotationError::new(error.kind(), error.chain())),
        (false, false) => error.permanent(),
    }
}

/// A part of the body is already printed, so the call is not retried.
fn cut_off(error: RotationError) -> RotationError {
    let message = format!("the response was cut off: {}", error.chain());
    RotationError::new(error.kind(), message).with_hint("the printed response is incomplete: call again").permanent()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::rotation::Retryability;

    #[test]
    fn a_call_is_named_by_its_method_and_its_path_without_the_query() {
        let http = crate::platform::http::HttpClient::new(true);
        let api = Api::at(&http, PlatformName::GenesysCloud, "https://api.mypurecloud.ie", None).expect("an address");
        let path = api.path("/api/v2/users?q=hush").expect("a path");
        assert_eq!(ApiCall { method: Method::GET, path, body: None }.what(), "GET /api/v2/users");
    }

    #[tokio::test]
    async fn a_page_has_a_maximum_size() {
        for (largest, is_read) in [(1000, true), (999, false), (1, false)] {
            let request = crate::platform::http::one_answer::request(200, vec![b' '; 1000], true);
            let response = request.send().await.expect("a response");
            let page = SuccessBody(response).read_all(largest).await;
            assert_eq!(page.map_or(0, |page| page.len()), if is_read { 1000 } else { 0 }, "{largest}");
        }
    }

    #[test]
    fn each_error_of_a_call_has_its_kind_and_says_whether_a_retry_can_help() {
        use ErrorKind::{PermissionMissing, PlatformUnavailable, ProbeFailed, RateLimited, TokenRejected};
        use PlatformName::{Cxone, GenesysCloud};
        use Retryability::{Permanent, Transient};
        let (bad, other) = ("bad.credentials", "some.code");
        for (platform, status, code, is_repeatable, kind, is_retryable, retryability) in [
            (GenesysCloud, 401, bad, true, TokenRejected, false, Permanent),
            (Cxone, 401, "", true, TokenRejected, false, Permanent),
            (GenesysCloud, 403, other, true, PermissionMissing, false, Permanent),
            (GenesysCloud, 429, other, false, RateLimited, true, Transient),
            (GenesysCloud, 503, other, true, PlatformUnavailable, true, Transient),
            (GenesysCloud, 503, other, false, PlatformUnavailable, false, Permanent),
            (GenesysCloud, 410, other, true, ProbeFailed, false, Permanent),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = format!(r#"{{"code":"{code}"}}"#).into_bytes().into();
            let response = PlatformResponse { status, headers: HeaderMap::new(), body };
            let answer = ErrorResponse { response, what: "GET /api/v2/users/me".to_owned(), is_repeatable, platform };
            let error = answer.error();
            assert_eq!((error.kind(), error.retryability()), (kind, retryability), "{platform:?} {status}: {error}");
            assert_eq!(answer.is_retryable(), is_retryable, "{platform:?} {status}");
            assert_eq!(answer.is_token_rejected(), kind == TokenRejected, "{platform:?} {status}");
            assert!(error.to_string().starts_with("GET /api/v2/users/me "), "{error}");
            assert_eq!(
                error.to_string().contains("may have been executed"),
                status == 503 && !is_repeatable,
                "{error}"
            );
        }
    }

    #[test]
    fn each_rejection_has_its_own_hint() {
        let other = hint_for(StatusCode::GONE);
        assert!(other.contains("standard output"), "{other}");
        for (status, words) in [
            (StatusCode::NOT_FOUND, "path and its ids"),
            (StatusCode::METHOD_NOT_ALLOWED, "method"),
            (StatusCode::CONFLICT, "current state"),
            (StatusCode::BAD_REQUEST, "need a user"),
        ] {
            assert!(hint_for(status).contains(words), "{status}: {}", hint_for(status));
        }
    }
}
