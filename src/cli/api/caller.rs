//! Calls with a secret's token, with retries if they are safe.

use parking_lot::Mutex;

use crate::cli::exit::CommandFailure;
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;
use crate::cli::terminal::output::Output;
use crate::platform::{Api, ApiCall, ApiResponse, ErrorResponse, Platforms, SuccessBody, with_unknown_outcome};
use crate::rotation::{CurrentToken, Deadline, ErrorKind, Rollbacks, RotationError, Rotator, SpareToken, SystemClock};

/// A client of the API.
pub(super) struct Caller<'a> {
    pub(super) api: Api,
    pub(super) output: &'a Output,
    secret: String,
    rotator: Rotator<AnyStore, Platforms, SystemClock>,
    held: CurrentToken,
    /// The temporary token of these calls, if the platform rejected the secret's token.
    spare: Option<SpareToken>,
    deadline: Deadline,
}

/// The error of a call.
pub(super) struct CallError {
    /// The error response, if there was one.
    pub(super) refusal: Option<ErrorResponse>,
    pub(super) cause: RotationError,
}

impl From<RotationError> for CallError {
    fn from(error: RotationError) -> Self {
        Self { refusal: None, cause: error }
    }
}

impl<'a> Caller<'a> {
    /// Reads the secret's token and finds its API.
    ///
    /// # Errors
    /// The settings are invalid, or the secret's token cannot be read.
    pub(super) async fn begin(
        secret: &SecretReference,
        session: &'a Session,
        deadline: Deadline,
    ) -> Result<Self, CommandFailure> {
        let platforms = session.platforms()?;
        let rotator = session.rotator(secret, platforms).await.map_err(|error| CommandFailure::settings(&error))?;
        let failed = |error: RotationError| {
            let failure = CommandFailure::from(error);
            CommandFailure { message: format!("{}: {}", secret.typed, failure.message), ..failure }
        };
        let held = rotator.current_token(&secret.id, deadline).await.map_err(failed)?;
        let place = rotator.place_of(&held, deadline).await.map_err(failed)?;
        let find = || rotator.issuer.api(&place, &held.access_token);
        let api = rotator.retries.run("find the platform's API", deadline, find).await.map_err(failed)?;
        let (output, secret) = (&session.output, secret.typed.clone());
        Ok(Self { api, output, secret, rotator, held, spare: None, deadline })
    }

    /// Sends a request until it succeeds, fails permanently, or the deadline passes.
    ///
    /// # Errors
    /// The last error.
    pub(super) async fn call(&mut self, call: &ApiCall) -> Result<SuccessBody, CallError> {
        loop {
            match self.try_call(call).await? {
                ApiResponse::Success(body) => return Ok(body),
                ApiResponse::Error(refusal) if refusal.is_token_rejected() && self.spare.is_none() => {
                    self.issue_temporary_token(refusal).await?;
                }
                ApiResponse::Error(refusal) => {
                    let error = refusal.error();
                    return Err(CallError { refusal: Some(refusal), cause: error });
                }
            }
        }
    }

    /// The undo of what these calls create.
    pub(super) fn rollbacks(&self) -> Rollbacks {
        self.rotator.rollbacks.clone()
    }

    /// Revokes the temporary token.
    pub(super) async fn end(self) {
        drop(self.spare);
        // The calls may have used up their own deadline.
        let deadline = Deadline::after(std::time::Duration::from_secs(10));
        self.rotator.roll_back(deadline).await;
    }

    async fn try_call(&self, call: &ApiCall) -> Result<ApiResponse, CallError> {
        let last = Mutex::new(None);
        let token = self.spare.as_ref().map_or(&self.held.access_token, |spare| &spare.access_token);
        let attempt = || async {
            match self.api.call(call, token).await? {
                ApiResponse::Error(refusal) if refusal.is_retryable() => {
                    let error = refusal.error();
                    *last.lock() = Some(refusal);
                    Err(error)
                }
                answer => Ok(answer),
            }
        };
        let what = format!("call {} {}", call.method, call.path.as_str().split('?').next().unwrap_or_default());
        let tried = self.rotator.retries.run(&what, self.deadline, attempt).await;
        tried.map_err(|error| CallError { refusal: last.into_inner(), cause: in_time(error, call) })
    }

    async fn issue_temporary_token(&mut self, refusal: ErrorResponse) -> Result<(), CallError> {
        match self.rotator.issue_spare(&self.held, self.deadline).await {
            Ok(spare) => {
                self.spare = Some(spare);
                let message = format!("{}: the platform no longer accepts the token", self.secret);
                let hint = format!(
                    "this call continues with a temporary token, which is revoked at its end; run `genesys-rotator rotate {}` to give readers a new token",
                    self.secret
                );
                self.output.warning(&message, &hint);
                Ok(())
            }
            Err(error) => {
                let diagnosis = refusal.error();
                let message = format!("{diagnosis}, and no temporary token can be issued: {}", error.chain());
                let error = RotationError::new(diagnosis.kind(), message).with_hint(error.hint().to_owned());
                Err(CallError { refusal: Some(refusal), cause: error })
            }
        }
    }
}

/// Replaces the hint of a timeout, which is about the rotation function.
fn in_time(error: RotationError, call: &ApiCall) -> RotationError {
    match error.kind() {
        ErrorKind::DeadlineExceeded if call.is_repeatable() => {
            error.with_hint("raise --timeout, and check why the platform is slow")
        }
        ErrorKind::DeadlineExceeded => with_unknown_outcome(error),
        _ => error,
    }
}
