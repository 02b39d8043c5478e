//! Runs the document's probes.

use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};

use super::Cxone;
use super::errors::diagnose;
use crate::platform::http::send_for_status;
use crate::rotation::{ErrorKind, Probe, Result};
use crate::secret::SecretString;

impl Cxone {
    pub(super) async fn probe(&self, api: &str, token: &SecretString, probes: &[Probe]) -> Result<()> {
        try_join_all(probes.iter().map(|probe| self.probe_one(api, token, probe))).await?;
        Ok(())
    }

    async fn probe_one(&self, api: &str, token: &SecretString, probe: &Probe) -> Result<()> {
        let response = send_for_status(self.call(api, Method::GET, probe.path(), token)?).await?;
        match response.status {
            status if status.is_success() => Ok(()),
            // These statuses have a more specific meaning, or may be temporary.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_MANY_REQUESTS => Err(diagnose(&response, &format!("the probe {probe}"))),
            status if status.is_server_error() => Err(diagnose(&response, &format!("the probe {probe}"))),
            status => {
                Err(response.error(ErrorKind::ProbeFailed, format!("the probe {probe} returned {}", status.as_u16())))
            }
        }
    }
}
