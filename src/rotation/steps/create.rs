//! createSecret: issue a token, and stage the document with it.

use super::context::{StagedVersion, StepContext};
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::eligibility::{check_is_current, may_begin, no_current_value, why_unfit};
use crate::rotation::error::{ErrorKind, Result};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{Staged, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::renew;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::rollback::{Rollback, Undo};
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::Readiness;
use crate::secret::{SecretString, same};

/// What the store holds before createSecret.
enum Found {
    /// The version is promoted, or holds its value.
    AlreadyDone,
    /// The version has no value; this is the current one.
    Current(Description, SecretString),
    /// The version holds a value that must not be promoted, with the reason.
    Unfit(StagedVersion, &'static str),
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Also returns the undo of the staged token, if this call staged it.
    pub(crate) async fn create(&self) -> Result<(StepReport, Option<Undo>)> {
        let (described, current) = match self.retry("read the secret", || self.find()).await? {
            Found::Current(described, current) => (described, current),
            Found::AlreadyDone => return Ok((StepReport::of(StepOutcome::AlreadyDone), None)),
            Found::Unfit(staged, why) => return Ok((self.abandon_unless_promoted(&staged, why).await?, None)),
        };
        let document = Document::parse(&current)?;
        // An invalid probe is an error before a token is issued.
        document.probes()?;
        let StepRequest { secret, version, .. } = self.request;
        let renewed = renew(self.rotator, self.request, document, &described, self.deadline).await?;
        let mut token = renewed.token;
        let value = renewed.document.with_token(&token.token, token.requested_at)?.to_value()?;
        // From here on the version may hold the token and the access key, also after an interruption.
        token.guard.begin_staging(secret, version);
        let (token, access_key) = (token.guard, renewed.access_key.and_then(Rollback::into_undo));
        let staged = self.stage(&value).await;
        if let Ok(Staged::Stored) = staged {
            return Ok((StepReport::of(StepOutcome::Done), token.into_undo()));
        }
        // An access key that may be stored must keep working.
        let unused = token.into_undo().into_iter().chain(access_key.filter(|_| is_known_to_be_lost(&staged)));
        unused.for_each(|undo| self.rotator.rollbacks.schedule(undo));
        staged?;
        // Another call of this step staged its value first.
        self.validate_staged(described).await?;
        Ok((StepReport::of(StepOutcome::AlreadyDone), None))
    }

    /// Reads the description, the current value and the staged value at the same time.
    async fn find(&self) -> Result<Found> {
        let (store, secret) = (&self.rotator.store, &self.request.secret);
        let (described, current, staged) =
            tokio::join!(store.describe(secret), store.read(secret, VersionSelector::Current), self.staged_value());
        let described = described?;
        if may_begin(&described, self.request)? == Readiness::AlreadyCurrent {
            return Ok(Found::AlreadyDone);
        }
        let current =
            current?.map(|read| check_is_current(&described, read.version).map(|()| read.text)).transpose()?;
        match (staged?, current) {
            (Some(value), Some(current)) => Ok(match why_unfit(&value, &current, self.rotator.clock.now()) {
                Some(why) => Found::Unfit(StagedVersion { described, value }, why),
                None => Found::AlreadyDone,
            }),
            (None, Some(current)) if described.holder(CURRENT).is_some() => Ok(Found::Current(described, current)),
            _ => Err(no_current_value(&described)),
        }
    }

    async fn stage(&self, value: &SecretString) -> Result<Staged> {
        let StepRequest { secret, version, rotation_token, .. } = self.request;
        let stage = || self.rotator.store.stage(secret, version, value, rotation_token.as_ref());
        let staged = self.retry("stage the new version", stage).await;
        let Err(error) = staged else { return staged };
        // The write may have succeeded with its answer lost.
        let deadline = self.deadline.for_half_the_cleanup();
        match self.rotator.retries.run("read the staged version", deadline, || self.staged_value()).await {
            Ok(Some(stored)) if same(&stored, value) => Ok(Staged::Stored),
            Ok(Some(_)) => Ok(Staged::HeldAnother),
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// Of two calls that regenerated a client secret at the same time, one did so last. The staged document may be the
    /// other one's: then its secret is invalid.
    async fn validate_staged(&self, described: Description) -> Result<()> {
        let value = self.retry("read the staged version", || self.staged_value()).await?;
        let Some(value) = value else { return Ok(()) };
        let document = Document::parse(&value)?;
        if matches!(document.secret_rotation()?, None | Some(SecretRotation::AccessKeys { .. })) {
            return Ok(());
        }
        let Self { rotator, deadline, .. } = *self;
        let credentials = rotator.credentials(&document, &described, deadline).await?;
        match rotator.tokens().issue_once_propagated(&credentials, &TokenKind::Access, deadline).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                let why = "holds a client secret that another call has regenerated since";
                self.abandon_unless_promoted(&StagedVersion { described, value }, why).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the value is certainly not stored: the store holds another value, or rejected this one.
fn is_known_to_be_lost(staged: &Result<Staged>) -> bool {
    match staged {
        Ok(staged) => *staged == Staged::HeldAnother,
        Err(error) => matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::StoreDenied),
    }
}
