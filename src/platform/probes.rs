//! Runs a document's probes.

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, TryStreamExt};
use reqwest::{RequestBuilder, StatusCode};

use super::http::{PlatformResponse, send_for_status};
use crate::rotation::{ErrorKind, Probe, Result, RotationError};

/// How a platform explains the response to a probe.
#[derive(Clone, Copy)]
pub(super) struct Explanation {
    /// Explains a status that any request can have.
    pub(super) diagnose: fn(&PlatformResponse, &str) -> RotationError,
    /// Returns the platform's error code; empty if there is none.
    pub(super) code: fn(&PlatformResponse) -> String,
}

/// Sends the requests of all probes at the same time.
///
/// # Errors
/// The first probe that did not answer 2xx.
pub(super) async fn run_probes(
    probes: &[Probe],
    request: impl Fn(&Probe) -> Result<RequestBuilder>,
    explanation: Explanation,
) -> Result<()> {
    let running: FuturesUnordered<_> =
        probes.iter().map(|probe| run_probe(probe, request(probe), explanation).boxed()).collect();
    running.try_collect().await
}

async fn run_probe(probe: &Probe, request: Result<RequestBuilder>, explanation: Explanation) -> Result<()> {
    let response = send_for_status(request?).await?;
    match response.status {
        status if status.is_success() => Ok(()),
        status if is_explained(status) => Err((explanation.diagnose)(&response, &format!("the probe {probe}"))),
        status => {
            let message = format!("the probe {probe} returned {} {}", status.as_u16(), (explanation.code)(&response));
            Err(response.error(ErrorKind::ProbeFailed, message.trim_end()))
        }
    }
}

/// Returns whether a status has a more specific meaning than a failed probe, or may be temporary.
fn is_explained(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::CONFLICT
                | StatusCode::TOO_MANY_REQUESTS
        )
}
