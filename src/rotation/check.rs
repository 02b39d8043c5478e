//! Trying a secret's credentials without storing anything.

use super::clock::Clock;
use super::document::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::issuer::TokenIssuer;
use super::retry::Deadline;
use super::rotator::Rotator;
use super::step::TokenLife;
use super::store::{SecretStore, Wanted};
use super::tokens::Made;
use super::version::SecretId;

/// What a check found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The platform.
    pub platform: String,
    /// The region, or what stands for it on this platform, as the document names it.
    pub region: String,
    /// The OAuth client's id, or the access key's where there is no client.
    pub client_id: String,
    /// How many probes were tried.
    pub probes: usize,
    /// How long a token of this client lives, and how long it should.
    pub token_life: TokenLife,
}

/// What a check does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStage {
    /// Read the secret, and make sense of its document.
    Read,
    /// Exchange the credentials for a token.
    Exchange,
    /// Validate the token, and try the probes with it.
    Validate,
    /// Revoke the token again.
    Revoke,
}

impl CheckStage {
    /// The name in JSON output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Exchange => "exchange",
            Self::Validate => "validate",
            Self::Revoke => "revoke",
        }
    }
}

impl<S: SecretStore, I: TokenIssuer, C: Clock> Rotator<S, I, C> {
    /// Exchanges the secret's credentials, validates the token and revokes it.
    ///
    /// # Errors
    /// Whatever would make a rotation fail.
    pub async fn check(&self, secret: &SecretId, deadline: Deadline) -> Result<CheckReport> {
        self.check_watched(secret, deadline, |_| {}).await
    }

    /// The same, and `watch` is told of each stage as it begins. A failed validation is followed by
    /// the revocation too, of which it is not told.
    ///
    /// # Errors
    /// Whatever would make a rotation fail.
    pub async fn check_watched(
        &self,
        secret: &SecretId,
        deadline: Deadline,
        mut watch: impl FnMut(CheckStage) + Send,
    ) -> Result<CheckReport> {
        watch(CheckStage::Read);
        let read = || async { tokio::try_join!(self.store.describe(secret), self.store.read(secret, Wanted::Current)) };
        let (described, value) = self.retries.run("read the secret", deadline, read).await?;
        let value = value.ok_or_else(|| {
            let message = format!("the secret {} has no current value", described.name);
            RotationError::new(ErrorKind::NoCurrentVersion, message)
        })?;
        let document = Document::parse(&value)?;
        let probes = document.probes()?;
        let credentials = self.credentials(&document, &described, deadline).await?;
        watch(CheckStage::Exchange);
        let Made { token, asked_at, first } =
            self.tokens().make(&credentials, &document.token_kind()?, deadline).await?;
        watch(CheckStage::Validate);
        let verified = self.tokens().verify(&credentials, &token.access_token, &probes, deadline).await;
        if verified.is_ok() {
            watch(CheckStage::Revoke);
        }
        for made in [Some(token.access_token.clone()), first].into_iter().flatten() {
            self.tokens().discard(&credentials, &made, deadline).await;
        }
        verified?;
        if described.rotation_enabled == Some(false) {
            let message =
                format!("the credentials work, but rotation is switched off for the secret {}", described.name);
            return Err(RotationError::new(ErrorKind::RotationDisabled, message));
        }
        // What the rotation would store must also fit.
        let next = document.with_token(&token, asked_at)?;
        next.to_value()?;
        let needed = described.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(asked_at));
        let place = credentials.place();
        Ok(CheckReport {
            platform: place.platform().name().to_owned(),
            region: place.name().to_owned(),
            client_id: credentials.id().to_owned(),
            probes: probes.len(),
            token_life: TokenLife::of(&next, asked_at, needed)
                .unwrap_or_else(|| TokenLife::seen(asked_at, asked_at, needed)),
        })
    }
}
