//! Validating tokens.

use jiff::Timestamp;

use super::exchange::{NewToken, Tokens};
use super::retry::Deadline;
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::probe::Probe;
use crate::rotation::error::Result;
use crate::rotation::ports::RotationPlatform;
use crate::rotation::ports::clock::Clock;
use crate::secret::SecretString;

impl<I: RotationPlatform, C: Clock> Tokens<'_, I, C> {
    /// Validates a token.
    pub(crate) async fn verify(
        &self,
        credentials: &Credentials,
        token: &SecretString,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<()> {
        let verify = || self.issuer.verify(credentials, token, probes);
        self.retries.run("validate the token", deadline, verify).await
    }

    /// Validates a token that was just issued with these credentials.
    pub(crate) async fn verify_issued(
        &self,
        credentials: &Credentials,
        token: &IssuedToken,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<()> {
        self.verify(&token.credentials(credentials), &token.access_token, probes, deadline).await
    }

    /// Issues and validates a token. Returns it with the time of the request. A token that fails is revoked.
    ///
    /// # Errors
    /// The exchange or the validation failed.
    pub async fn mint(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<(IssuedToken, Timestamp)> {
        let minted = self.issue_valid(credentials, kind, probes, deadline);
        let NewToken { token, requested_at, guard } = self.settle(deadline, minted).await?;
        guard.commit();
        Ok((token, requested_at))
    }

    /// Issues, validates and revokes an access token.
    ///
    /// # Errors
    /// As for [`mint`](Self::mint).
    pub async fn try_out(
        &self,
        credentials: &Credentials,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<(IssuedToken, Timestamp)> {
        let issue = async {
            let issued = self.issue_valid(credentials, &TokenKind::Access, probes, deadline).await?;
            Ok((issued.token, issued.requested_at))
        };
        self.settle(deadline, issue).await
    }

    /// Waits until a new client secret or access key has propagated, and validates a token issued with it.
    ///
    /// # Errors
    /// `CredentialsRejected` if it has not propagated in time, and other platform errors.
    pub async fn await_new_secret(&self, credentials: &Credentials, deadline: Deadline) -> Result<()> {
        let issue = async {
            let issued = self.issue_once_propagated(credentials, &TokenKind::Access, deadline).await?;
            self.verify_issued(credentials, &issued.token, &[], deadline).await
        };
        self.settle(deadline, issue).await
    }

    /// Issues and validates a token, which is revoked unless its guard is committed.
    ///
    /// # Errors
    /// The exchange or the validation failed.
    pub(crate) async fn issue_valid(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<NewToken> {
        let issued = self.issue(credentials, kind, deadline).await?;
        self.verify_issued(credentials, &issued.token, probes, deadline).await?;
        Ok(issued)
    }
}
