//! The calls that a document asks to be tried before its token is promoted.

use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};

use super::Cxone;
use super::refusal::diagnose;
use crate::platform::http::send_for_status;
use crate::rotation::{ErrorKind, Probe, Result};
use crate::secret::SecretString;

impl Cxone {
    pub(super) async fn probe(&self, api: &str, token: &SecretString, probes: &[Probe]) -> Result<()> {
        try_join_all(probes.iter().map(|probe| self.probe_one(api, token, probe))).await?;
        Ok(())
    }

    async fn probe_one(&self, api: &str, token: &SecretString, probe: &Probe) -> Result<()> {
        let answer = send_for_status(self.call(api, Method::GET, probe.path(), token)?).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            // These say more than that a probe failed, or may pass.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_MANY_REQUESTS => Err(diagnose(&answer, &format!("the probe {probe}"))),
            status if status.is_server_error() => Err(diagnose(&answer, &format!("the probe {probe}"))),
            status => {
                Err(answer.error(ErrorKind::ProbeFailed, format!("the probe {probe} answered {}", status.as_u16())))
            }
        }
    }
}
