//! Diagnosis of a rotation that another process runs.

use super::idle::IdleTimeouts;
use super::token_duration::TokenDuration;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::Step;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// The state of a rotation, seen from outside.
#[derive(Debug)]
pub struct Diagnosis {
    /// The step that is not done.
    pub step: Step,
    /// The error of that step when run here; `None` if it succeeds.
    pub reason: Option<RotationError>,
}

impl<S: RotationStore, I: RotationPlatform + TokenDuration + IdleTimeouts, C: Clock> Rotator<S, I, C> {
    /// Runs the pending step's checks and stores nothing: for a version without a value, [`check`](Self::check); for a
    /// staged token, its validation.
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
        let described = self.retries.run("describe the secret", deadline, || self.store.describe(secret)).await?;
        let credentials = self.credentials(&document, &described, deadline).await?;
        match document.access_token()? {
            Some(token) => {
                let credentials = credentials.in_tenant(document.token_tenant_id().as_deref());
                self.tokens().verify(&credentials, &token, &document.probes()?, deadline).await
            }
            None => self.tokens().try_out(&credentials, &document.probes()?, deadline).await.map(|_| ()),
        }
    }
}
