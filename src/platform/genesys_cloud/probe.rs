//! The calls that a document asks to be tried before its token is promoted.

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
        let answer = send_for_status(self.call(region, Method::GET, probe.path(), token)?).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            // These say more than that a probe failed, or may pass.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_MANY_REQUESTS => Err(answer.diagnose(&format!("the probe {probe}"))),
            status if status.is_server_error() => Err(answer.diagnose(&format!("the probe {probe}"))),
            status => {
                let message = format!("the probe {probe} answered {} {}", status.as_u16(), answer.code());
                Err(answer.error(ErrorKind::ProbeFailed, message.trim_end()))
            }
        }
    }
}
