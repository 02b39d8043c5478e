//! Calls with a secret's token, tried again where that does no harm.

use std::cell::RefCell;

use crate::cli::exit::{CommandFailure, sentence};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;
use crate::cli::terminal::output::Output;
use crate::platform::{Api, ApiAnswer, ApiCall, Platforms, Refusal, SuccessBody, may_have_been_carried_out};
use crate::rotation::{Deadline, ErrorKind, HeldToken, RotationError, Rotator, SpareToken, SystemClock};

/// Whoever calls the API.
pub(super) struct Caller<'a> {
    pub(super) api: Api,
    pub(super) output: &'a Output,
    secret: String,
    rotator: Rotator<AnyStore, Platforms, SystemClock>,
    held: HeldToken,
    /// Made for these calls alone, where the one in the secret is not accepted.
    spare: Option<SpareToken>,
    deadline: Deadline,
}

/// Why a call was no success.
pub(super) struct Unsuccessful {
    /// The answer, where there was one.
    pub(super) refusal: Option<Refusal>,
    pub(super) error: RotationError,
}

impl From<RotationError> for Unsuccessful {
    fn from(error: RotationError) -> Self {
        Self { refusal: None, error }
    }
}

impl<'a> Caller<'a> {
    /// Reads the secret's token.
    ///
    /// # Errors
    /// The settings are wrong, or there is no token.
    pub(super) async fn begin(
        secret: &SecretReference,
        session: &'a Session,
        deadline: Deadline,
    ) -> Result<Self, CommandFailure> {
        let platforms = session.platforms()?;
        let rotator =
            session.rotator(secret.store, platforms).await.map_err(|error| CommandFailure::settings(&error))?;
        let failed = |error: RotationError| {
            let failure = CommandFailure::from(error);
            CommandFailure { message: format!("{}: {}", secret.typed, failure.message), ..failure }
        };
        let held = rotator.held_token(&secret.id, deadline).await.map_err(failed)?;
        let place = rotator.place_of(&held, deadline).await.map_err(failed)?;
        let find = || rotator.issuer.api(&place, &held.access_token);
        let api = rotator.retries.run("find the platform's API", deadline, find).await.map_err(failed)?;
        let (output, secret) = (&session.output, secret.typed.clone());
        Ok(Self { api, output, secret, rotator, held, spare: None, deadline })
    }

    /// Makes a call until it succeeds, is refused for good, or the time is over.
    ///
    /// # Errors
    /// What it was refused with last.
    pub(super) async fn call(&mut self, call: &ApiCall) -> Result<SuccessBody, Unsuccessful> {
        loop {
            match self.try_call(call).await? {
                ApiAnswer::Success(body) => return Ok(body),
                ApiAnswer::Refusal(refusal) if refusal.is_about_the_token() && self.spare.is_none() => {
                    self.take_another_token(refusal).await?;
                }
                ApiAnswer::Refusal(refusal) => {
                    let error = refusal.diagnosis();
                    return Err(Unsuccessful { refusal: Some(refusal), error });
                }
            }
        }
    }

    /// Revokes what was made for these calls alone.
    pub(super) async fn end(self) {
        let Some(spare) = &self.spare else { return };
        // The calls may have used all the time they had.
        let deadline = Deadline::after(std::time::Duration::from_secs(10));
        self.rotator.discard_spare(spare, deadline).await;
    }

    async fn try_call(&self, call: &ApiCall) -> Result<ApiAnswer, Unsuccessful> {
        let last = RefCell::new(None);
        let token = self.spare.as_ref().map_or(&self.held.access_token, |spare| &spare.access_token);
        let attempt = || async {
            match self.api.call(call, token).await? {
                ApiAnswer::Refusal(refusal) if refusal.may_pass() => {
                    let error = refusal.diagnosis();
                    last.replace(Some(refusal));
                    Err(error)
                }
                answer => Ok(answer),
            }
        };
        let what = format!("call {} {}", call.method, call.path.as_str().split('?').next().unwrap_or_default());
        let tried = self.rotator.retries.run(&what, self.deadline, attempt).await;
        tried.map_err(|error| Unsuccessful { refusal: last.take(), error: in_time(error, call) })
    }

    async fn take_another_token(&mut self, refusal: Refusal) -> Result<(), Unsuccessful> {
        match self.rotator.make_spare(&self.held, self.deadline).await {
            Ok(spare) => {
                self.spare = Some(spare);
                let message = format!("{}: the token is not accepted any more", self.secret);
                let hint = format!(
                    "this call goes on with a new one, which is revoked at its end; `genesys-rotator rotate {}` gives readers one",
                    self.secret
                );
                self.output.warning(&message, &hint);
                Ok(())
            }
            Err(error) => {
                let said = refusal.diagnosis();
                let message = format!("{said}, and no new one can be made: {}", sentence(&error));
                let error = RotationError::new(said.kind(), message).with_hint(error.hint().to_owned());
                Err(Unsuccessful { refusal: Some(refusal), error })
            }
        }
    }
}

/// What a function is advised when its time runs out does not help here.
fn in_time(error: RotationError, call: &ApiCall) -> RotationError {
    match error.kind() {
        ErrorKind::DeadlineExceeded if call.is_repeatable() => {
            error.with_hint("give it more time with --timeout, and look at why the platform is slow")
        }
        ErrorKind::DeadlineExceeded => may_have_been_carried_out(error),
        _ => error,
    }
}
