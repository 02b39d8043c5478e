//! One attempt at a call, and its answer as it arrives.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Api, ApiPath};
use crate::platform::http::{Answer, bearer, read, refuse_redirect, unreachable};
use crate::rotation::{ErrorKind, PlatformName, Result, RotationError};
use crate::secret::SecretString;

/// How long the whole of an answer may take; whoever waits for it sets a shorter bound.
const LONGEST_ANSWER: Duration = Duration::from_secs(24 * 3_600);
/// How long the head of an answer may take: the platform itself gives up sooner.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an answer may pause.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What is called.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: ApiPath,
    /// The body, which is JSON.
    pub body: Option<Bytes>,
}

/// An answer.
pub enum ApiAnswer {
    /// A success, to be read in pieces.
    Success(SuccessBody),
    /// Anything else, read to its end.
    Refusal(Refusal),
}

/// The body of a success.
pub struct SuccessBody(Response);

/// An answer that is no success.
pub struct Refusal {
    answer: Answer,
    what: String,
    repeatable: bool,
    platform: PlatformName,
}

impl ApiCall {
    /// Whether it may be made twice: what it asks for is the same then. A POST or a PATCH is not.
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
    /// `PlatformUnavailable` where there was no answer; for good where the call may have been carried out and must not
    /// be repeated.
    pub async fn call(&self, call: &ApiCall, token: &SecretString) -> Result<ApiAnswer> {
        let mut request = self.http.request(call.method.clone(), &format!("{}{}", self.base, call.path))?;
        request = request.header(AUTHORIZATION, bearer(token.expose_secret())?).header(ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let sent = tokio::time::timeout(HEAD_TIMEOUT, request.timeout(LONGEST_ANSWER).send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let was_sent = !error.is_connect();
                return Err(unanswered(call, unreachable(error), was_sent));
            }
            Err(_) => {
                let message = format!("{} was not answered in {} s", call.what(), HEAD_TIMEOUT.as_secs());
                return Err(unanswered(call, RotationError::new(ErrorKind::PlatformUnavailable, message), true));
            }
        };
        refuse_redirect(&response)?;
        if response.status().is_success() {
            return Ok(ApiAnswer::Success(SuccessBody(response)));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(|error| unanswered(call, error, true))?;
        let answer = Answer { status, headers, body };
        Ok(ApiAnswer::Refusal(Refusal {
            answer,
            what: call.what(),
            repeatable: call.is_repeatable(),
            platform: self.platform,
        }))
    }
}

impl SuccessBody {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// `PlatformUnavailable` where the connection broke in between.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match tokio::time::timeout(PAUSE_TIMEOUT, self.0.chunk()).await {
            Ok(piece) => piece.map_err(|error| cut_off(unreachable(error))),
            Err(_) => {
                let message = format!("the answer paused for more than {} s", PAUSE_TIMEOUT.as_secs());
                Err(cut_off(RotationError::new(ErrorKind::PlatformUnavailable, message)))
            }
        }
    }

    /// All of it, up to a size in bytes.
    ///
    /// # Errors
    /// As for [`next`](Self::next), and where it is larger.
    pub async fn whole(mut self, largest: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = self.next().await? {
            if body.len() + piece.len() > largest {
                let message = format!("a page of the answer is larger than {largest} bytes");
                return Err(RotationError::new(ErrorKind::PlatformUnavailable, message)
                    .with_hint("ask for smaller pages, such as ?pageSize=25")
                    .permanent());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

impl Refusal {
    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.answer.body
    }

    /// Whether the token is not accepted, so that another one may be.
    pub fn is_about_the_token(&self) -> bool {
        self.answer.status == StatusCode::UNAUTHORIZED && self.diagnosis().kind() == ErrorKind::TokenRejected
    }

    /// Whether the same call may be made again after a while.
    pub fn may_pass(&self) -> bool {
        let status = self.answer.status;
        status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && self.repeatable)
    }

    /// What it means, and what to do.
    pub fn diagnosis(&self) -> RotationError {
        let (status, code) = (self.answer.status, self.answer.code());
        match status {
            _ if status.is_server_error() && !self.repeatable => {
                let error = self.answer.diagnose(&self.what).permanent();
                may_have_been_carried_out(error)
            }
            // CXone has no code of its own for it.
            StatusCode::UNAUTHORIZED if self.platform == PlatformName::Cxone => {
                let message = format!("{} does not accept the token ({})", self.what, status.as_u16());
                self.answer.error(ErrorKind::TokenRejected, message)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                self.answer.diagnose(&self.what)
            }
            _ if status.is_server_error() => self.answer.diagnose(&self.what),
            _ => {
                let message = format!("{} was refused ({} {code}", self.what, status.as_u16());
                let error = self.answer.error(ErrorKind::ProbeFailed, format!("{})", message.trim_end()));
                error.with_hint(hint_for(status))
            }
        }
    }
}

fn hint_for(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            "check the path and the ids in it: what belongs to another division or organisation is not found either"
        }
        StatusCode::METHOD_NOT_ALLOWED => "use one of the methods that the API's reference lists for this path",
        StatusCode::CONFLICT => "read it again, and repeat the change on what it is now",
        StatusCode::BAD_REQUEST => {
            "the answer on standard output says what is wrong with the request; what needs a user cannot be called with a client's token"
        }
        _ => "the answer on standard output says more",
    }
}

/// A call that must not be repeated blindly.
pub fn may_have_been_carried_out(error: RotationError) -> RotationError {
    let message = format!("{error}; the call may have been carried out nevertheless, and was not repeated");
    RotationError::new(error.kind(), message)
        .with_hint("look whether it was, before you repeat it: a POST or PATCH twice may do its work twice")
        .permanent()
}

fn unanswered(call: &ApiCall, error: RotationError, was_sent: bool) -> RotationError {
    match (call.is_repeatable(), was_sent) {
        (true, _) => error,
        (false, true) => may_have_been_carried_out(RotationError::new(error.kind(), error.chain())),
        (false, false) => error.permanent(),
    }
}

/// What has been printed cannot be taken back, so that nothing is tried again.
fn cut_off(error: RotationError) -> RotationError {
    let message = format!("the answer was cut off: {}", error.chain());
    RotationError::new(error.kind(), message).with_hint("what was printed is not the whole: call again").permanent()
}
