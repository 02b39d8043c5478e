//! testSecret: prove that the staged token works, before anybody gets it.

use std::time::Duration;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::document::token_life::TokenLife;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, PENDING};
use crate::rotation::version::preflight::Readiness;
use crate::secret::SecretString;

/// A token that is refused this long after it was issued is dead, and not merely slow to become known.
const SETTLED: Duration = Duration::from_secs(600);

/// This soon after a token was made with a client secret, that secret is taken to be what it was.
const FRESH: Duration = Duration::from_secs(60);

/// The version under test.
struct Pending {
    described: Description,
    document: Document,
    value: SecretString,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    pub(crate) async fn test(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let read = || self.read_pending(request);
        let Some((described, value)) = self.retries.run("read the staged version", deadline, read).await? else {
            return Ok(StepReport::of(StepOutcome::AlreadyDone));
        };
        let pending = Pending { described, document: Document::parse(&value)?, value };
        let credentials = self.credentials(&pending.document, &pending.described, deadline).await?;
        let Some(token) = pending.document.access_token()? else {
            return self.test_set_up(&pending, &credentials, deadline).await;
        };
        let (probes, tokens) = (pending.document.probes()?, self.tokens());
        // Neither needs the other's answer.
        let (verified, proved) = tokio::join!(
            tokens.verify(&credentials, &token, &probes, deadline),
            self.prove_secret(&pending, &credentials, deadline),
        );
        match verified {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::TokenRejected | ErrorKind::TokenOwnerMismatch) => {
                return self.explain_rejection(error, request, &pending, &credentials, &token, deadline).await;
            }
            Err(error) => return Err(error),
        }
        if let Err(error) = proved {
            return Err(self.explain_dead_secret(error, request, &pending, &token, deadline).await);
        }
        Ok(StepReport { outcome: StepOutcome::Done, token_life: self.life_of(&pending.described, &pending.document) })
    }

    /// A client secret may have been replaced since its token was made with it, by another call of createSecret or by a
    /// person, while that token lives on. In place there is only one that is worth anything, so it is always proved;
    /// of two clients, or of access keys, the former one works on, and what was made a moment ago was proved then.
    async fn prove_secret(&self, pending: &Pending, credentials: &Credentials, deadline: Deadline) -> Result<()> {
        match pending.document.secret_rotation()? {
            None => return Ok(()),
            Some(SecretRotation::InPlace) => {}
            Some(_) if !self.is_older_than(FRESH, &pending.document) => return Ok(()),
            Some(_) => {}
        }
        let made = self.tokens().make_once_known(credentials, &TokenKind::Access, deadline).await?;
        self.tokens().discard(credentials, &made.token.access_token, deadline).await;
        Ok(())
    }

    /// A version's value is written once, so one whose secret is dead can never succeed: it must not hold up every later
    /// rotation. A copy of the current version is the service's to take away.
    async fn explain_dead_secret(
        &self,
        rejection: RotationError,
        request: &StepRequest,
        pending: &Pending,
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationError {
        if rejection.kind() != ErrorKind::CredentialsRejected
            || self.is_current_token(request, token, deadline).await.unwrap_or(true)
        {
            return rejection;
        }
        let why = format!("holds a client secret or an access key that is dead by now ({rejection})");
        self.drop_unfit(request, &pending.described, &pending.value, &why, deadline).await
    }

    /// The staged value; `None` where the version was promoted already.
    async fn read_pending(&self, request: &StepRequest) -> Result<Option<(Description, SecretString)>> {
        let (looked, pending) = tokio::join!(
            self.look(&request.secret, &request.version),
            self.store.read(&request.secret, VersionSelector::Pending(&request.version)),
        );
        let (described, readiness) = looked?;
        if readiness == Readiness::AlreadyCurrent {
            return Ok(None);
        }
        let Some(value) = pending? else {
            let message =
                format!("the staged version {} of the secret {} holds no value yet", request.version, described.name);
            let hint = "createSecret has not run for this version, or failed: see its error";
            return Err(RotationError::new(ErrorKind::VersionNotStaged, message).with_hint(hint));
        };
        Ok(Some((described, value.text)))
    }

    /// When Secrets Manager tries out a new set-up, what is staged is a copy of the current
    /// version. Its token may be missing or expired; the credentials are what is tested then.
    async fn test_set_up(
        &self,
        pending: &Pending,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Result<StepReport> {
        let probes = pending.document.probes()?;
        let (token, asked_at) = self.tokens().try_out(credentials, &probes, deadline).await?;
        let tried = pending.document.with_token(&token, asked_at)?;
        Ok(StepReport { outcome: StepOutcome::SetUpTested, token_life: self.life_of(&pending.described, &tried) })
    }

    async fn explain_rejection(
        &self,
        rejection: RotationError,
        request: &StepRequest,
        pending: &Pending,
        credentials: &Credentials,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<StepReport> {
        if self.is_current_token(request, token, deadline).await.unwrap_or(false) {
            return self.test_set_up(pending, credentials, deadline).await;
        }
        if !self.is_dead(&pending.document) {
            return Err(rejection);
        }
        // A version's value is written once, so this one can never succeed. Unless it is taken
        // out of the way, every later rotation would be told to finish it first.
        let unstage = || self.store.unstage(&request.secret, &request.version);
        self.retries.run("take the label off a dead version", deadline, unstage).await?;
        self.delete_unused_key(&request.secret, &pending.document, &pending.described, deadline).await;
        let message = format!("the staged token was issued a while ago and is of no use any more: {rejection}");
        let hint =
            format!("rotate again: {PENDING} was taken off the dead version, so the next rotation starts afresh");
        Err(RotationError::new(rejection.kind(), message).with_hint(hint))
    }

    fn is_dead(&self, document: &Document) -> bool {
        let expired = document.expires_at().is_some_and(|end| end <= self.clock.now());
        expired || self.is_older_than(SETTLED, document)
    }

    /// Whether its token was issued so long ago.
    fn is_older_than(&self, age: Duration, document: &Document) -> bool {
        let since = document.issued_at().map(|issued| self.clock.now().duration_since(issued));
        since.is_some_and(|since| Duration::try_from(since).is_ok_and(|since| since > age))
    }

    fn life_of(&self, described: &Description, document: &Document) -> Option<TokenLife> {
        let now = self.clock.now();
        let needed = described.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(now));
        TokenLife::of(document, now, needed)
    }
}
