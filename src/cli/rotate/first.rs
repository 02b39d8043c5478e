//! The check before the first rotation of a document, for `--include-new`.

use tokio::time::Instant;

use super::one::{Rotating, not_started, until};
use crate::cli::target::interruption::run_until;
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::token_life::too_short;
use crate::rotation::{ErrorKind, RotationError, RotationReport};

impl Rotating<'_> {
    /// Checks a document that no rotation has written.
    ///
    /// # Errors
    /// The report of a rotation that did not start, because the check failed or was interrupted.
    pub(super) async fn check_first(&self, secret: &SecretReference, end: Instant) -> Result<(), RotationReport> {
        let failed = |error: RotationError| not_started(secret, error);
        let rotator = self.rotator(secret).await.map_err(failed)?;
        let check = run_until(self.interrupted(), &rotator, rotator.check(&secret.id, until(end))).await;
        let report = check.map_err(|interrupted| self.interrupted_report(secret, interrupted))?.map_err(failed)?;
        if let Some(error) = &report.unrevoked {
            let what = "the token of the check was not revoked and stays valid until it expires";
            self.session.output.warning(&format!("{}: {what}: {}", secret.typed, error.chain()), error.hint());
        }
        match too_short(&report.token_life) {
            Some((message, hint)) => {
                Err(failed(RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(hint)))
            }
            None => Ok(()),
        }
    }
}
