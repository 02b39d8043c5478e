//! The current token of a secret, with enough remaining lifetime for its use.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::secret_reference::SecretReference;
use super::session::Session;
use super::store::AnyStore;
use crate::cli::exit::CommandFailure;
use crate::cli::terminal::human_time::{minute, parse_duration, span};
use crate::platform::{Platforms, Region};
use crate::rotation::{Clock, CurrentToken, Deadline, ErrorKind, Place, RotationError, Rotator, SystemClock};

/// The minimum remaining lifetime, unless `--minimum-life` is given.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// The variable from which Terraform's provider and the official command line of Genesys Cloud read a token.
pub(in crate::cli) const GENESYS_CLOUD_TOKEN: &str = "GENESYSCLOUD_ACCESS_TOKEN";
/// The same for CXone, for which no tool has established a name.
pub(in crate::cli) const CXONE_TOKEN: &str = "CXONE_ACCESS_TOKEN";

/// The secret, and the requirements on its token.
#[derive(Debug, Args)]
pub struct LiveTokenArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    pub secret: String,
    /// Fail if the token expires sooner than this: 30s, 5m, 1h, 2d [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub minimum_life: Option<Duration>,
    /// Also verify with the platform that it still accepts the token
    #[arg(long)]
    pub verify: bool,
    /// Maximum duration of reading and verifying: 30s, 5m, 1h
    #[arg(long, default_value = "1m", value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// A token that has been checked, and its document's metadata.
pub(in crate::cli) struct LiveToken {
    pub(in crate::cli) held: CurrentToken,
    /// The remaining lifetime; `None` if the document has no expiry.
    pub(in crate::cli) left: Option<Duration>,
    /// The secret as the user named it.
    secret: String,
    rotator: Rotator<AnyStore, Platforms, SystemClock>,
    deadline: Deadline,
}

/// The platform and API that accept the token.
pub(in crate::cli) struct Origin {
    /// The variable from which the platform's tools read the token.
    pub(in crate::cli) token_variable: &'static str,
    /// The base URL of the API.
    pub(in crate::cli) api_url: String,
    /// Further variables for the platform's tools, none of which is secret.
    pub(in crate::cli) companions: Vec<(&'static str, String)>,
}

impl LiveToken {
    /// Reads the secret's current value. Calls the platform only for `--verify`.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure; a secret that cannot be read; a token that is missing, invalid or expires
    /// too soon.
    pub(in crate::cli) async fn read(arguments: &LiveTokenArgs, session: &Session) -> Result<Self, CommandFailure> {
        let secret = SecretReference::parse(&arguments.secret)?;
        let platforms = session.platforms()?;
        let rotator = session.rotator(&secret, platforms).await.map_err(|error| CommandFailure::settings(&error))?;
        let deadline = Deadline::after(arguments.timeout);
        let read = rotator.current_token(&secret.id, deadline).await;
        let held = read.map_err(|error| explained(&secret.typed, error))?;
        let left = held.expires_at.map(|end| left(end, session.clock.now()));
        let token = Self { held, left, secret: secret.typed, rotator, deadline };
        token.can_be_sent()?;
        token.lives(arguments.minimum_life, session)?;
        if arguments.verify {
            token.is_accepted().await?;
        }
        Ok(token)
    }

    /// The token's value.
    pub(in crate::cli) fn text(&self) -> &str {
        self.held.access_token.expose_secret()
    }

    /// A sentence about the remaining lifetime; `None` if it is unknown.
    pub(in crate::cli) fn life(&self) -> Option<String> {
        let (left, end) = (self.left?, self.held.expires_at?);
        Some(format!("the token of {} is valid for {}, until {} UTC", self.secret, span(left), minute(end)))
    }

    /// The token's platform and API. The document names those of Genesys Cloud; CXone's API address comes from the platform.
    ///
    /// # Errors
    /// No document names the platform's region, or CXone cannot be reached.
    pub(in crate::cli) async fn origin(&self) -> Result<Origin, CommandFailure> {
        let failed = |error| explained(&self.secret, error);
        let place = self.rotator.place_of(&self.held, self.deadline).await.map_err(failed)?;
        let ask = || self.rotator.issuer.api_url(&place, &self.held.access_token);
        let asked = self.rotator.retries.run("find the platform's API", self.deadline, ask).await;
        let api_url = asked.map_err(failed)?;
        let (token_variable, companions) = match &place {
            Place::GenesysCloud { region } => {
                let region = Region::parse(region).map_err(failed)?.aws_name().to_owned();
                let companions = vec![("GENESYSCLOUD_REGION", region), ("GENESYSCLOUD_API_URL", api_url.clone())];
                (GENESYS_CLOUD_TOKEN, companions)
            }
            Place::Cxone(_) => (CXONE_TOKEN, vec![("CXONE_API_URL", api_url.clone())]),
        };
        Ok(Origin { token_variable, api_url, companions })
    }

    /// Rejects a token that an HTTP header cannot carry. A line break would also corrupt the output formats.
    fn can_be_sent(&self) -> Result<(), CommandFailure> {
        if self.text().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        let message = "access_token contains characters that an HTTP header cannot carry: whitespace, control characters or non-ASCII letters";
        let error = RotationError::new(ErrorKind::DocumentInvalid, message);
        Err(explained(&self.secret, error.with_hint(self.rotate())))
    }

    fn lives(&self, wanted: Option<Duration>, session: &Session) -> Result<(), CommandFailure> {
        let minimum = wanted.unwrap_or(SHORTEST_LIFE);
        let message = match (self.left, self.held.expires_at) {
            (Some(left), _) if left >= minimum => return Ok(()),
            (Some(Duration::ZERO), Some(end)) => format!("the token expired at {} UTC", minute(end)),
            (Some(left), _) => format!("the token is valid for {}, but {} are required", span(left), span(minimum)),
            (None, _) if wanted.is_some() => "the document has no valid expires_at".to_owned(),
            (None, _) => {
                let message =
                    format!("{}: the document has no valid expires_at: the token may have expired", self.secret);
                session.output.warning(&message, &self.rotate());
                return Ok(());
            }
        };
        let error = RotationError::new(ErrorKind::TokenRejected, message).with_hint(self.rotate());
        Err(explained(&self.secret, error))
    }

    /// Verifies the token with the platform: it may have been revoked, or its client disabled, before it expires.
    async fn is_accepted(&self) -> Result<(), CommandFailure> {
        let failed = |error: RotationError| {
            let is_dead = error.kind() == ErrorKind::TokenRejected;
            explained(&self.secret, if is_dead { error.with_hint(self.rotate()) } else { error })
        };
        let place = self.rotator.place_of(&self.held, self.deadline).await.map_err(failed)?;
        let ask = || self.rotator.issuer.accepts(&place, &self.held.access_token);
        let asked = self.rotator.retries.run("verify the token", self.deadline, ask).await;
        asked.map_err(failed)
    }

    fn rotate(&self) -> String {
        format!(
            "run `genesys-rotator rotate {0}` for a new token; if a scheduled rotation should have replaced it, check `genesys-rotator status {0}` and the log of the rotation",
            self.secret
        )
    }
}

fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

/// Replaces the hint of a timeout, which is about the rotation function.
fn explained(secret: &str, error: RotationError) -> CommandFailure {
    let error = match error.kind() {
        ErrorKind::DeadlineExceeded => {
            error.with_hint("raise --timeout, and check why the store or the platform is slow")
        }
        _ => error,
    };
    let failure = CommandFailure::from(error);
    CommandFailure { message: format!("{secret}: {}", failure.message), ..failure }
}
