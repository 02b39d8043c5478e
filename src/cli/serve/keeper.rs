//! The current token of a secret, read again before it ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::arguments::Pace;
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;
use crate::platform::{Api, Platforms, Region};
use crate::rotation::{Clock, Deadline, ErrorKind, Place, Result, RotationError, Rotator, SystemClock};
use crate::secret::{SecretString, same};

/// The longest time of one read.
const READ: Duration = Duration::from_secs(20);
/// The time between two reads of a secret whose token has ended, or is rejected.
const PAUSE: Duration = Duration::from_secs(1);
/// A token that ends sooner than this is read again.
const SHORT: Duration = Duration::from_secs(60);

/// A token and where it is valid.
pub(super) struct Held {
    pub(super) token: SecretString,
    /// `None` if the document does not say.
    pub(super) expires_at: Option<Timestamp>,
    pub(super) api: Api,
    /// The AWS name of the platform's region; `None` for CXone.
    pub(super) region: Option<&'static str>,
}

/// Keeps the current token of a secret.
pub(super) struct Keeper {
    /// The secret as the user named it.
    pub(super) name: String,
    secret: SecretReference,
    rotator: Rotator<AnyStore, Platforms, SystemClock>,
    pace: Pace,
    held: RwLock<State>,
    /// One read at a time.
    reading: Mutex<Reads>,
}

/// When reads began.
#[derive(Default)]
struct Reads {
    last: Option<Instant>,
    /// The last one that a rejection caused.
    after_rejection: Option<Instant>,
}

struct State {
    held: Arc<Held>,
    /// The error of the last read, if it failed.
    failure: Option<RotationError>,
}

impl Held {
    /// The time to the token's end; `None` if it is unknown.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        self.expires_at.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default())
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.left(now) == Some(Duration::ZERO)
    }
}

impl Keeper {
    /// Reads the secret for the first time.
    ///
    /// # Errors
    /// The secret cannot be read, or holds no valid token.
    pub(super) async fn begin(
        secret: SecretReference,
        session: &Session,
        platforms: Platforms,
        pace: Pace,
    ) -> Result<Self> {
        let rotator = session.rotator(&secret, platforms).await?;
        let held = read(&rotator, &secret).await?;
        if held.has_ended(rotator.clock.now()) {
            return Err(ended(&secret.typed));
        }
        let state = RwLock::new(State { held: Arc::new(held), failure: None });
        let (name, reading) = (secret.typed.clone(), Mutex::default());
        Ok(Self { name, secret, rotator, pace, held: state, reading })
    }

    /// The token that is held, whether or not it has ended.
    pub(super) fn held(&self) -> Arc<Held> {
        self.held.read().held.clone()
    }

    /// The error of the last read, if it failed.
    pub(super) fn failure(&self) -> Option<RotationError> {
        self.held.read().failure.clone()
    }

    /// Whether requests can be answered.
    pub(super) fn is_ready(&self) -> bool {
        !self.held().has_ended(self.now())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.rotator.clock.now()
    }

    /// Returns a token that has not ended. If the held one has, waits until the secret has another one.
    ///
    /// # Errors
    /// The secret has no other one in time.
    pub(super) async fn live(&self) -> Result<Arc<Held>> {
        let held = self.held();
        if !held.has_ended(self.now()) {
            return Ok(held);
        }
        let read_until_live = async {
            loop {
                self.read_after(Instant::now()).await;
                let held = self.held();
                if !held.has_ended(self.now()) {
                    return held;
                }
                sleep(PAUSE).await;
            }
        };
        timeout(self.pace.wait, read_until_live).await.map_err(|_| self.failure().unwrap_or_else(|| ended(&self.name)))
    }

    /// Returns another token than `rejected`, if the secret has one.
    pub(super) async fn after_rejection(&self, rejected: &Held) -> Option<Arc<Held>> {
        let is_other = |held: &Arc<Held>| !same(&held.token, &rejected.token) && !held.has_ended(self.now());
        if let Some(held) = Some(self.held()).filter(is_other) {
            return Some(held);
        }
        let rejected_at = Instant::now();
        let mut reads = self.reading.lock().await;
        if reads.last.is_none_or(|last| last < rejected_at) {
            if let Some(before) = reads.after_rejection {
                // Many requests may be rejected until the secret is rotated.
                sleep_until(before + PAUSE).await;
            }
            reads.after_rejection = Some(Instant::now());
            self.read(&mut reads).await;
        }
        drop(reads);
        Some(self.held()).filter(is_other)
    }

    /// Reads the secret now.
    pub(super) async fn read_now(&self) {
        self.read_after(Instant::now()).await;
    }

    /// Reads the secret, unless a read has begun since `moment`.
    async fn read_after(&self, moment: Instant) {
        let mut reads = self.reading.lock().await;
        if reads.last.is_none_or(|last| last < moment) {
            self.read(&mut reads).await;
        }
    }

    /// Reads the secret. A failure leaves the held token in place.
    async fn read(&self, reads: &mut Reads) {
        reads.last = Some(Instant::now());
        let found = read(&self.rotator, &self.secret).await;
        let mut state = self.held.write();
        match found {
            Ok(held) => *state = State { held: Arc::new(held), failure: None },
            Err(error) => state.failure = Some(error),
        }
    }

    /// The time until the secret should be read again.
    pub(super) fn next_read(&self) -> Duration {
        let left = self.held().left(self.now()).unwrap_or(Duration::MAX);
        let before_end = left.saturating_sub(SHORT);
        let soon = if before_end.is_zero() { PAUSE * 5 } else { before_end };
        soon.min(self.pace.refresh).max(PAUSE)
    }
}

async fn read(rotator: &Rotator<AnyStore, Platforms, SystemClock>, secret: &SecretReference) -> Result<Held> {
    let deadline = Deadline::after(READ);
    let current = rotator.current_token(&secret.id, deadline).await?;
    let token = &current.access_token;
    if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "access_token contains characters that an HTTP header cannot carry";
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message));
    }
    let place = rotator.place_of(&current, deadline).await?;
    let find = || rotator.issuer.api(&place, token);
    let api = rotator.retries.run("find the platform's API", deadline, find).await?;
    let region = match &place {
        Place::GenesysCloud { region } => Some(Region::parse(region)?.aws_name()),
        Place::Cxone(_) => None,
    };
    Ok(Held { token: current.access_token, expires_at: current.expires_at, api, region })
}

fn ended(name: &str) -> RotationError {
    let message = format!("the token of {name} has expired, and the secret holds no other one");
    let hint =
        format!("rotate it: `genesys-rotator rotate {name}`; `genesys-rotator status {name}` shows its schedule");
    RotationError::new(ErrorKind::TokenRejected, message).with_hint(hint)
}
