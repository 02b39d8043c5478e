//! Runs the document's probes.

use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};

use super::{GenesysCloud, Region};
use crate::platform::http::send_for_status;
use crate::rotation::{ErrorKind, Probe, Result};
use crate::secret::SecretString;

impl GenesysCloud {
    pub(super) async fn probe(&self, region: Region, token: &SecretString, probes: &[Probe]) -> Result<()> {
        try_join_all(probes.iter().map(|probe| self.probe_one(region, token, probe))).await?;
        Ok(())
    }

    async fn probe_one(&self, region: Region, token: &SecretString, probe: &Probe) -> Result<()> {
        let response = send_for_status(self.call(region, Method::GET, probe.path(), token)?).await?;
        match response.status {
            status if status.is_success() => Ok(()),
            // These statuses have a more specific meaning, or may be temporary.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_MANY_REQUESTS => Err(response.diagnose(&format!("the probe {probe}"))),
            status if status.is_server_error() => Err(response.diagnose(&format!("the probe {probe}"))),
            status => {
                let message = format!("the probe {probe} returned {} {}", status.as_u16(), response.code());
                Err(response.error(ErrorKind::ProbeFailed, message.trim_end()))
            }
        }
    }
}
