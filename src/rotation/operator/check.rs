//! Checks a secret's credentials without storing anything.

use std::time::Duration;

use jiff::Timestamp;

use super::idle::{IdleReport, IdleTimeouts};
use super::token_duration::TokenDuration;
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::document::probe::Probe;
use crate::rotation::document::token_life::TokenLife;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::admin::{KeyAdmin, admin, key_admin};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::exchange::NewToken;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{AHEAD, Description, SecretId};
use crate::secret::SecretString;

/// The result of a check.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The platform.
    pub platform: String,
    /// The region, issuer, area or realm as the document names it.
    pub region: String,
    /// The id of the OAuth client, or of the access key if there is no client.
    pub client_id: String,
    /// The number of probes.
    pub probes: usize,
    /// The names of the fields that no rotation reads; each keeps them.
    pub kept_fields: Vec<String>,
    /// The life of a token of this client, and the life that the schedule needs.
    pub token_life: TokenLife,
    /// The client's token duration, if it applies and the client may read it.
    pub token_duration: Option<Duration>,
    /// The idle time-out of the tokens, if there is one and the platform names it.
    pub idle: Option<IdleReport>,
    /// Why the tested token was not revoked.
    pub unrevoked: Option<RotationError>,
    /// The check of the administrator's credentials, if the document renews client secrets or access keys.
    pub admin: Option<AdminAccess>,
}

/// The credentials that renew the client secret or access key. Whether they have the permission shows at the rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminAccess {
    /// The id of the administrator's client or access key.
    pub client_id: String,
    /// What they edit.
    pub edits: AdminTarget,
}

/// What an administrator edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminTarget {
    /// The client that gets the next secret.
    Client {
        /// Its id.
        id: String,
        /// Whether the administrator may read it.
        seen: bool,
    },
    /// The access keys of a user.
    User {
        /// The user's id.
        id: String,
    },
}

/// A tested token, which is revoked.
struct TestedToken {
    token: IssuedToken,
    requested_at: Timestamp,
    token_duration: Option<Duration>,
    idle: Option<IdleReport>,
    unrevoked: Option<RotationError>,
}

/// The stages of a check, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStage {
    /// Read the secret and parse its document.
    Read,
    /// Exchange the credentials for a token.
    Exchange,
    /// Validate the token and run the probes.
    Validate,
    /// Revoke the token.
    Revoke,
    /// Check the credentials that renew the client secret or access key.
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

impl<S: RotationStore, I: RotationPlatform + TokenDuration + IdleTimeouts, C: Clock> Rotator<S, I, C> {
    /// Exchanges the secret's credentials, validates the token and revokes it.
    ///
    /// # Errors
    /// The error that a rotation would fail with.
    pub async fn check(&self, secret: &SecretId, deadline: Deadline) -> Result<CheckReport> {
        self.check_watched(secret, deadline, |_| {}).await
    }

    /// Runs [`check`](Self::check) and calls `watch` at the start of each stage. After a failed validation, the token is
    /// revoked without a call.
    ///
    /// # Errors
    /// The error that a rotation would fail with.
    pub async fn check_watched(
        &self,
        secret: &SecretId,
        deadline: Deadline,
        mut watch: impl FnMut(CheckStage) + Send,
    ) -> Result<CheckReport> {
        let check = Box::pin(self.run_check(secret, deadline, &mut watch));
        self.tokens().settle(deadline, check).await
    }

    async fn run_check(
        &self,
        secret: &SecretId,
        deadline: Deadline,
        watch: &mut (impl FnMut(CheckStage) + Send),
    ) -> Result<CheckReport> {
        watch(CheckStage::Read);
        let (described, document) = self.read_current(secret, deadline).await?;
        let kept_fields = document.kept_fields()?;
        let probes = document.probes()?;
        let (kind, renewal) = (document.token_kind()?, document.secret_rotation()?);
        let credentials = self.credentials(&document, &described, deadline).await?;
        let TestedToken { token, requested_at, token_duration, idle, unrevoked } = self
            .test_token(&credentials, &document, (&kind, &probes), deadline, watch)
            .await
            .map_err(|error| of_interrupted(error, &described))?;
        let admin = self.admin_access(&document, &described, renewal, &credentials, deadline, watch).await?;
        if described.rotation_enabled == Some(false) {
            return Err(rotation_disabled(&described));
        }
        // The document with a token must fit into a secret.
        let next = document.with_token(&token, requested_at)?;
        next.to_value()?;
        let needed = described.longest_gap(requested_at);
        let place = credentials.place();
        Ok(CheckReport {
            platform: place.platform().name().to_owned(),
            region: place.name().to_owned(),
            client_id: credentials.id().to_owned(),
            probes: probes.len(),
            kept_fields,
            token_life: TokenLife::of(&next, requested_at, needed)
                .unwrap_or_else(|| TokenLife::seen(requested_at, requested_at, needed)),
            token_duration,
            idle,
            unrevoked,
            admin,
        })
    }

    /// Issues a token of the document's kind, validates it, and revokes it.
    async fn test_token(
        &self,
        credentials: &Credentials,
        document: &Document,
        (kind, probes): (&TokenKind, &[Probe]),
        deadline: Deadline,
        watch: &mut (impl FnMut(CheckStage) + Send),
    ) -> Result<TestedToken> {
        let tokens = self.tokens();
        watch(CheckStage::Exchange);
        let NewToken { token, requested_at, guard } = tokens.issue(credentials, kind, deadline).await?;
        watch(CheckStage::Validate);
        tokens.verify_issued(credentials, &token, probes, deadline).await?;
        let own_token_duration = async {
            match kind {
                TokenKind::Access => self.own_token_duration(credentials, &token.access_token).await,
                _ => None,
            }
        };
        let place = token.place(credentials);
        let (token_duration, idle) =
            tokio::join!(own_token_duration, self.idle_report(&place, &token.access_token, document));
        watch(CheckStage::Revoke);
        drop(guard);
        let unrevoked = tokens.roll_back(deadline).await;
        Ok(TestedToken { token, requested_at, token_duration, idle, unrevoked })
    }

    /// Returns the client's own token duration. Makes one attempt; a failure is no error of the check.
    async fn own_token_duration(&self, credentials: &Credentials, token: &SecretString) -> Option<Duration> {
        let read = self.issuer.token_duration(&credentials.place(), credentials.id(), token).await;
        read.inspect_err(|error| tracing::debug!("the token duration is not known: {error}")).ok().flatten()
    }

    /// Checks the administrator's credentials, if the document renews client secrets or access keys.
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
                let admin = admin(self, document, described, &admin_credentials, deadline).await?;
                Ok(Some(self.check_admin(&admin, idle, deadline).await?))
            }
            Some(SecretRotation::AccessKeys { admin_credentials, .. }) => {
                watch(CheckStage::Admin);
                let admin = key_admin(self, document, described, admin_credentials.as_deref(), deadline).await?;
                Ok(Some(self.check_key_admin(&admin, own, deadline).await?))
            }
            Some(SecretRotation::InPlace | SecretRotation::Adoption) | None => Ok(None),
        }
    }

    async fn check_admin(&self, admin: &Credentials, idle: String, deadline: Deadline) -> Result<AdminAccess> {
        let authorization = self.tokens().exchange(admin, deadline).await.map_err(of_the_admin)?;
        let (place, token) = (admin.place(), &authorization.token.access_token);
        let look = || self.issuer.token_duration(&place, &idle, token);
        let seen = self.retries.run("read the idle client", deadline, look).await;
        let seen = seen.map_err(of_the_admin)?.is_some();
        Ok(AdminAccess { client_id: admin.id().to_owned(), edits: AdminTarget::Client { id: idle, seen } })
    }

    async fn check_key_admin(&self, admin: &KeyAdmin, own: &Credentials, deadline: Deadline) -> Result<AdminAccess> {
        let authorization = self.tokens().exchange(&admin.credentials, deadline).await.map_err(of_the_admin)?;
        let token = &authorization.token.access_token;
        let place = authorization.token.place(own);
        let owner = self.tokens().key_owner(&place, own.access_key_id(), token, deadline).await?;
        admin.permit(&owner)?;
        let client_id = admin.credentials.id().to_owned();
        Ok(AdminAccess { client_id, edits: AdminTarget::User { id: owner.user_id } })
    }
}

/// After an interrupted in-place rotation, the write-ahead entry recovers a client whose stored secret is rejected.
fn of_interrupted(error: RotationError, described: &Description) -> RotationError {
    if error.kind() != ErrorKind::CredentialsRejected || described.holder(AHEAD).is_none() {
        return error;
    }
    let hint = "rotate: an in-place rotation was interrupted, and its write-ahead entry (label ROTATOR_AHEAD) holds the new secret or a token that regenerates it";
    error.with_hint(hint)
}

fn rotation_disabled(described: &Description) -> RotationError {
    let message = format!("the credentials work, but rotation is disabled for the secret {}", described.name);
    RotationError::new(ErrorKind::RotationDisabled, message)
}

fn of_the_admin(error: RotationError) -> RotationError {
    let message = format!("the admin credentials: {error}");
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}
