//! The token that a secret holds now, made sure to live long enough for what it is wanted for.

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
use crate::rotation::{Clock, Deadline, ErrorKind, HeldToken, Place, RotationError, Rotator, SystemClock};

/// A token that lives shorter than this is as good as dead for whoever begins something with it.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// The variable that Terraform's provider and the official command line of Genesys Cloud take a token from.
pub(in crate::cli) const GENESYS_CLOUD_TOKEN: &str = "GENESYSCLOUD_ACCESS_TOKEN";
/// The same for CXone, where no tool has set a name yet.
pub(in crate::cli) const CXONE_TOKEN: &str = "CXONE_ACCESS_TOKEN";

/// Which token is wanted.
#[derive(Debug, Args)]
pub struct LiveTokenArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    pub secret: String,
    /// Fail unless the token lives so much longer: 30s, 5m, 1h; 1m unless it is given
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub minimum_life: Option<Duration>,
    /// Ask the platform as well whether it still takes the token
    #[arg(long)]
    pub verify: bool,
    /// How long it may take: 30s, 5m, 1h
    #[arg(long, default_value = "1m", value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// The token, and what is known of it.
pub(in crate::cli) struct LiveToken {
    pub(in crate::cli) held: HeldToken,
    /// The life left; `None` where the document does not say it.
    pub(in crate::cli) left: Option<Duration>,
    /// What the user wrote.
    secret: String,
    rotator: Rotator<AnyStore, Platforms, SystemClock>,
    deadline: Deadline,
}

/// Where the token is good.
pub(in crate::cli) struct Origin {
    /// The variable that the platform's tools take the token from.
    pub(in crate::cli) token_variable: &'static str,
    /// The base address of the API.
    pub(in crate::cli) api_url: String,
    /// What goes with the token: variables, and their values, none of which is a secret.
    pub(in crate::cli) companions: Vec<(&'static str, String)>,
}

impl LiveToken {
    /// Reads the secret's current value, and nothing else. The platform is asked for nothing unless that is wanted.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure; whatever keeps the secret from being read; no token, or one that is dead or
    /// about to die.
    pub(in crate::cli) async fn read(arguments: &LiveTokenArgs, session: &Session) -> Result<Self, CommandFailure> {
        let secret = SecretReference::parse(&arguments.secret)?;
        let platforms = session.platforms()?;
        let rotator =
            session.rotator(secret.store, platforms).await.map_err(|error| CommandFailure::settings(&error))?;
        let deadline = Deadline::after(arguments.timeout);
        let read = rotator.held_token(&secret.id, deadline).await;
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

    /// The token itself.
    pub(in crate::cli) fn text(&self) -> &str {
        self.held.access_token.expose_secret()
    }

    /// How long it lives, for whoever watches; `None` where that is not known.
    pub(in crate::cli) fn life(&self) -> Option<String> {
        let (left, end) = (self.left?, self.held.expires_at?);
        Some(format!("the token of {} lives {}, until {} UTC", self.secret, span(left), minute(end)))
    }

    /// Where it is good. For Genesys Cloud the document says it; CXone is asked for its address.
    ///
    /// # Errors
    /// It is said nowhere, or CXone cannot be asked.
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

    /// A line break would end the line that the token is written to, and no header can carry one.
    fn can_be_sent(&self) -> Result<(), CommandFailure> {
        if self.text().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        let message =
            "the field access_token holds what no HTTP header can carry: blanks, line breaks or letters beyond ASCII";
        let error = RotationError::new(ErrorKind::DocumentInvalid, message);
        Err(explained(&self.secret, error.with_hint(self.rotate())))
    }

    fn lives(&self, wanted: Option<Duration>, session: &Session) -> Result<(), CommandFailure> {
        let minimum = wanted.unwrap_or(SHORTEST_LIFE);
        let message = match (self.left, self.held.expires_at) {
            (Some(left), _) if left >= minimum => return Ok(()),
            (Some(Duration::ZERO), Some(end)) => format!("the token expired at {} UTC", minute(end)),
            (Some(left), _) => format!("the token lives {}, and {} are wanted", span(left), span(minimum)),
            (None, _) if wanted.is_some() => "the document does not say when its token expires".to_owned(),
            (None, _) => {
                let message = format!("{}: the document does not say when its token expires", self.secret);
                session.output.warning(&message, &self.rotate());
                return Ok(());
            }
        };
        let error = RotationError::new(ErrorKind::TokenRejected, message).with_hint(self.rotate());
        Err(explained(&self.secret, error))
    }

    /// A token may have been revoked, or its client disabled, before its time was over.
    async fn is_accepted(&self) -> Result<(), CommandFailure> {
        let failed = |error: RotationError| {
            let is_dead = error.kind() == ErrorKind::TokenRejected;
            explained(&self.secret, if is_dead { error.with_hint(self.rotate()) } else { error })
        };
        let place = self.rotator.place_of(&self.held, self.deadline).await.map_err(failed)?;
        let ask = || self.rotator.issuer.accepts(&place, &self.held.access_token);
        let asked = self.rotator.retries.run("ask whether the token is accepted", self.deadline, ask).await;
        asked.map_err(failed)
    }

    fn rotate(&self) -> String {
        format!(
            "`genesys-rotator rotate {0}` makes a new one; if it should have been rotated before, `genesys-rotator status {0}` and the rotation's log say why not",
            self.secret
        )
    }
}

fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

/// What a function is advised when its time runs out does not help here.
fn explained(secret: &str, error: RotationError) -> CommandFailure {
    let error = match error.kind() {
        ErrorKind::DeadlineExceeded => error.with_hint("give it more time with --timeout, and look at why it is slow"),
        _ => error,
    };
    let failure = CommandFailure::from(error);
    CommandFailure { message: format!("{secret}: {}", failure.message), ..failure }
}
