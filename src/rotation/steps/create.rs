//! createSecret: issue a token, and stage the document with it.

use super::context::{StagedVersion, StepContext};
use crate::rotation::document::fields::Document;
use crate::rotation::eligibility::{is_known_to_be_lost, may_begin, why_unfit};
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::Staged;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::lease::{read, release};
use crate::rotation::renewal::renew;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::{Rollback, Undo};
use crate::rotation::version::labels::{CURRENT, Description};
use crate::secret::{SecretString, same};

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Also returns the undo of the staged token, if this call staged it.
    pub(crate) async fn create(&self) -> Result<(StepReport, Option<Undo>)> {
        let Self { rotator, request, deadline } = *self;
        let read = || read(rotator, request, may_begin, |state| state.staged.is_none(), deadline);
        let Ok(state) = self.retry("read the secret", read).await? else {
            return Ok((StepReport::of(StepOutcome::AlreadyDone), None));
        };
        if let Some(value) = state.staged {
            let why = why_unfit(&value, &state.current.text, rotator.clock.now());
            let Some(why) = why else { return Ok((StepReport::of(StepOutcome::AlreadyDone), None)) };
            let staged = StagedVersion { described: state.described, value };
            return Ok((self.abandon_unless_promoted(&staged, why).await?, None));
        }
        let created = self.create_from(&state.described, &state.current.text, state.sending(deadline)).await;
        release(rotator, request, &state, state.described.holder(CURRENT), created.as_ref().err(), deadline).await;
        created
    }

    /// Requests that must end with the lease use the deadline `sending`.
    async fn create_from(
        &self,
        described: &Description,
        current: &SecretString,
        sending: Deadline,
    ) -> Result<(StepReport, Option<Undo>)> {
        let document = Document::parse(current)?;
        // An invalid probe is an error before a token is issued.
        document.probes()?;
        let StepRequest { secret, version, .. } = self.request;
        let renewed = renew(self.rotator, self.request, document, described, sending, self.deadline).await?;
        let mut token = renewed.token;
        let value = renewed.document.with_token(&token.token, token.requested_at)?.to_value()?;
        // From here on the version may hold the token and the access key, also after an interruption.
        token.guard.begin_staging(secret, version);
        let mut access_key = renewed.access_key;
        access_key.iter_mut().for_each(|guard| guard.begin_staging(secret, version));
        let staged = self.stage(&value).await;
        let (token, access_key) = (token.guard, access_key.and_then(Rollback::into_undo));
        if let Ok(Staged::Stored) = staged {
            return Ok((StepReport::of(StepOutcome::Done), token.into_undo()));
        }
        // An access key that may be stored must keep working.
        let unused = token.into_undo().into_iter().chain(access_key.filter(|_| is_known_to_be_lost(&staged)));
        unused.for_each(|undo| self.rotator.rollbacks.schedule(undo));
        staged?;
        // Another call of this step staged its value first.
        Ok((StepReport::of(StepOutcome::AlreadyDone), None))
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
            // Another rotation may have resumed and promoted the version.
            Ok(None) | Err(_) => match Document::parse(value)?.access_token()? {
                Some(token) if self.is_current_token(&token).await.unwrap_or(false) => Ok(Staged::Stored),
                _ => Err(error),
            },
        }
    }
}
