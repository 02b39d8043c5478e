//! Why a rotation that another process carries out does not get on.

use crate::rotation::document::fields::Document;
use crate::rotation::error::{Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::token_duration::TokenDuration;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::Step;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// What can be told of a rotation from outside.
#[derive(Debug)]
pub struct Diagnosis {
    /// The step that has not done its work.
    pub step: Step,
    /// What would make that step fail here too; `None` where nothing would.
    pub reason: Option<RotationError>,
}

impl<S: RotationStore, I: RotationPlatform + TokenDuration, C: Clock> Rotator<S, I, C> {
    /// Does what the step in question has to do, and stores nothing: a version without a value
    /// has the credentials tried, as by [`check`](Self::check); a staged token is validated.
    pub async fn diagnose(&self, secret: &SecretId, version: &VersionId, deadline: Deadline) -> Diagnosis {
        match self.read("read the staged version", secret, VersionSelector::Pending(version), deadline).await {
            Err(error) => Diagnosis { step: Step::Create, reason: Some(error) },
            Ok(None) => Diagnosis { step: Step::Create, reason: self.check(secret, deadline).await.err() },
            Ok(Some(value)) => match self.verify_staged(secret, &value, deadline).await {
                Err(error) => Diagnosis { step: Step::Test, reason: Some(error) },
                Ok(()) => Diagnosis { step: Step::Finish, reason: None },
            },
        }
    }

    async fn verify_staged(&self, secret: &SecretId, value: &SecretString, deadline: Deadline) -> Result<()> {
        let document = Document::parse(value)?;
        let described = self.retries.run("look at the secret", deadline, || self.store.describe(secret)).await?;
        let credentials = self.credentials(&document, &described, deadline).await?;
        match document.access_token()? {
            Some(token) => self.tokens().verify(&credentials, &token, &document.probes()?, deadline).await,
            None => self.tokens().try_out(&credentials, &document.probes()?, deadline).await.map(|_| ()),
        }
    }
}
