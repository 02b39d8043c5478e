//! Trying a secret's credentials without storing anything.

use super::clock::Clock;
use super::document::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::issuer::TokenIssuer;
use super::retry::Deadline;
use super::rotator::Rotator;
use super::step::TokenLife;
use super::store::{SecretStore, Wanted};
use super::version::SecretId;

/// What a check found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The platform.
    pub platform: String,
    /// The region as the document names it.
    pub region: String,
    /// The OAuth client's id.
    pub client_id: String,
    /// How many probes were tried.
    pub probes: usize,
    /// How long a token of this client lives, and how long it should.
    pub token_life: TokenLife,
}

impl<S: SecretStore, I: TokenIssuer, C: Clock> Rotator<S, I, C> {
    /// Exchanges the secret's credentials, validates the token and revokes it.
    ///
    /// # Errors
    /// Whatever would make a rotation fail.
    pub async fn check(&self, secret: &SecretId, deadline: Deadline) -> Result<CheckReport> {
        let read = || async { tokio::try_join!(self.store.describe(secret), self.store.read(secret, Wanted::Current)) };
        let (described, value) = self.retries.run("read the secret", deadline, read).await?;
        let value = value.ok_or_else(|| {
            let message = format!("the secret {} has no current value", described.name);
            RotationError::new(ErrorKind::NoCurrentVersion, message)
        })?;
        let document = Document::parse(&value)?;
        let probes = document.probes()?;
        let credentials = self.credentials(&document, &described, deadline).await?;
        let (token, asked_at) = self.try_credentials(&credentials, &probes, deadline).await?;
        // What the rotation would store must also fit.
        let next = document.with_token(&token, asked_at)?;
        next.to_value()?;
        let needed = described.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(asked_at));
        Ok(CheckReport {
            platform: credentials.platform,
            region: credentials.region,
            client_id: credentials.client_id,
            probes: probes.len(),
            token_life: TokenLife::seen(next.expires_at().unwrap_or(asked_at), asked_at, needed),
        })
    }
}
