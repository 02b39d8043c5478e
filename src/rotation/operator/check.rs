//! Trying a secret's credentials without storing anything.

use std::time::Duration;

use jiff::Timestamp;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::document::probe::Probe;
use crate::rotation::document::token_life::TokenLife;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::token_duration::TokenDuration;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::exchange::Made;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

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
    /// The token duration that the client is set to, where that decides and the client may read it.
    pub token_duration: Option<Duration>,
    /// Why the token that was tried lives on, where it could not be revoked.
    pub unrevoked: Option<RotationError>,
    /// What the admin credentials are good for, where the document names some.
    pub admin: Option<AdminAccess>,
}

/// What is known of the credentials that make the next client secret or access key. That they may shows only once it is
/// done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminAccess {
    /// The id of the admin's own client or access key.
    pub client_id: String,
    /// What they are to edit.
    pub edits: AdminTarget,
}

/// What admin credentials are to edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminTarget {
    /// The client that gets the next secret.
    Client {
        /// Its id.
        id: String,
        /// Whether the admin may look at it.
        seen: bool,
    },
    /// The access keys of a user.
    User {
        /// The user's id.
        id: String,
    },
}

/// A token that was tried, and is dead by now.
struct Tried {
    token: IssuedToken,
    asked_at: Timestamp,
    token_duration: Option<Duration>,
    unrevoked: Option<RotationError>,
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
    /// Exchange the credentials that make the next client secret or access key, look at whose it will be, and revoke that
    /// token as well.
    Admin,
}

impl CheckStage {
    /// The name in JSON output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Exchange => "exchange",
            Self::Validate => "validate",
            Self::Revoke => "revoke",
            Self::Admin => "admin",
        }
    }
}

impl<S: RotationStore, I: RotationPlatform + TokenDuration, C: Clock> Rotator<S, I, C> {
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
        let (described, document) = self.read_current(secret, deadline).await?;
        let probes = document.probes()?;
        let (kind, renewal) = (document.token_kind()?, document.secret_rotation()?);
        let credentials = self.credentials(&document, &described, deadline).await?;
        let Tried { token, asked_at, token_duration, unrevoked } =
            self.try_token(&credentials, &kind, &probes, deadline, &mut watch).await?;
        let admin = self.admin_access(&document, &described, renewal, &credentials, deadline, &mut watch).await?;
        if described.rotation_enabled == Some(false) {
            return Err(switched_off(&described));
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
            token_duration,
            unrevoked,
            admin,
        })
    }

    /// Makes a token of the kind that readers get, validates it, and revokes it whatever came of that.
    async fn try_token(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        probes: &[Probe],
        deadline: Deadline,
        watch: &mut (impl FnMut(CheckStage) + Send),
    ) -> Result<Tried> {
        watch(CheckStage::Exchange);
        let Made { token, asked_at, first } = self.tokens().make(credentials, kind, deadline).await?;
        watch(CheckStage::Validate);
        let verified = self.tokens().verify(credentials, &token.access_token, probes, deadline).await;
        let mut token_duration = None;
        if verified.is_ok() {
            if *kind == TokenKind::Access {
                token_duration = self.look_at_duration(credentials, &token.access_token).await;
            }
            watch(CheckStage::Revoke);
        }
        let mut unrevoked = None;
        for made in [Some(token.access_token.clone()), first].into_iter().flatten() {
            unrevoked = unrevoked.or(self.tokens().revoke(&credentials.place(), &made, deadline).await.err());
        }
        if let Some(error) = &unrevoked {
            tracing::warn!(error.r#type = error.kind().name(), "the token that was tried lives on: {}", error.chain());
        }
        verified.map(|()| Tried { token, asked_at, token_duration, unrevoked })
    }

    /// It is good to know, and no more: whatever keeps it from being read is no failure, and is not waited for.
    async fn look_at_duration(&self, credentials: &Credentials, token: &SecretString) -> Option<Duration> {
        let read = self.issuer.token_duration(&credentials.place(), credentials.id(), token).await;
        read.inspect_err(|error| tracing::debug!("the token duration is not known: {error}")).ok().flatten()
    }

    /// Tries the credentials that make the next client secret or access key, where the document asks for one.
    async fn admin_access(
        &self,
        document: &Document,
        described: &Description,
        renewal: Option<SecretRotation>,
        own: &Credentials,
        deadline: Deadline,
        watch: &mut (impl FnMut(CheckStage) + Send),
    ) -> Result<Option<AdminAccess>> {
        match renewal {
            Some(SecretRotation::Alternating { idle, admin_credentials }) => {
                watch(CheckStage::Admin);
                let admin = self.admin(document, described, &admin_credentials, deadline).await?;
                Ok(Some(self.try_admin(&admin, idle, deadline).await?))
            }
            Some(SecretRotation::AccessKeys { admin_credentials, .. }) => {
                watch(CheckStage::Admin);
                let admin = self.key_manager(document, described, admin_credentials.as_deref(), deadline).await?;
                Ok(Some(self.try_key_manager(&admin, own, deadline).await?))
            }
            Some(SecretRotation::InPlace) | None => Ok(None),
        }
    }

    async fn try_admin(&self, admin: &Credentials, idle: String, deadline: Deadline) -> Result<AdminAccess> {
        let (token, _) = self.tokens().exchange(admin, deadline).await.map_err(of_the_admin)?;
        let place = admin.place();
        let look = || self.issuer.token_duration(&place, &idle, &token.access_token);
        let seen = self.retries.run("look at the client that gets the next secret", deadline, look).await;
        self.tokens().discard(admin, &token.access_token, deadline).await;
        let seen = seen.map_err(of_the_admin)?.is_some();
        Ok(AdminAccess { client_id: admin.id().to_owned(), edits: AdminTarget::Client { id: idle, seen } })
    }

    async fn try_key_manager(
        &self,
        manager: &Credentials,
        own: &Credentials,
        deadline: Deadline,
    ) -> Result<AdminAccess> {
        let (token, _) = self.tokens().exchange(manager, deadline).await.map_err(of_the_admin)?;
        let owner = self.tokens().key_owner(&own.place(), own.access_key_id(), &token.access_token, deadline).await;
        self.tokens().discard(manager, &token.access_token, deadline).await;
        let id = owner?.user_id;
        Ok(AdminAccess { client_id: manager.id().to_owned(), edits: AdminTarget::User { id } })
    }
}

fn switched_off(described: &Description) -> RotationError {
    let message = format!("the credentials work, but rotation is switched off for the secret {}", described.name);
    RotationError::new(ErrorKind::RotationDisabled, message)
}

fn of_the_admin(error: RotationError) -> RotationError {
    let message = format!("the admin credentials: {error}");
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}
