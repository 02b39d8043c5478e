//! The current token of a secret, read again before it ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;
use secrecy::ExposeSecret;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::arguments::Pace;
use super::callers::{Hash, hash};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;
use crate::platform::{Api, Platforms, Region};
use crate::rotation::{Clock, Deadline, ErrorKind, Place, Result, RotationError, Rotator, SystemClock};
use crate::secret::{SecretString, same};

/// The longest time of one read.
const READ: Duration = Duration::from_secs(20);
/// The time between the starts of two reads for requests.
const PAUSE: Duration = Duration::from_millis(250);
/// The time between two reads in trouble, and between two validations of a token.
const TROUBLED: Duration = Duration::from_secs(5);
/// A token that ends sooner than this is read again.
const SHORT: Duration = Duration::from_secs(60);
/// The longest time of a validation.
const VALIDATION: Duration = Duration::from_secs(2);
/// The longest time for which a request for a token waits for a store that does not answer.
const STORE: Duration = Duration::from_secs(2);

/// A token and where it is valid.
pub(super) struct Held {
    pub(super) token: SecretString,
    /// `None` if the document does not say.
    pub(super) expires_at: Option<Timestamp>,
    pub(super) api: Api,
    place: Place,
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
    state: RwLock<State>,
    /// Requests a read of [`Self::keep_current`], which alone reads: a caller that gives up cancels none.
    wanted: Notify,
    /// When the last completed read began.
    read: watch::Sender<Instant>,
    /// Sent after each read.
    pub(super) changed: Notify,
}

struct State {
    held: Arc<Held>,
    /// The token of a call that the platform answered with 401, until the next read: there are other reasons for 401.
    doubted: Option<SecretString>,
    /// Hashes of the tokens that the platform has rejected, unless it has accepted them since.
    rejected: HashSet<Hash>,
    /// When the held token may be validated again.
    next_validation: Instant,
    /// The error of the last read, if it failed.
    failure: Option<RotationError>,
}

impl State {
    fn is_rejected(&self, token: &SecretString) -> bool {
        !self.rejected.is_empty() && self.rejected.contains(&hash(token.expose_secret()))
    }

    fn is_usable(&self, held: &Held, now: Timestamp) -> bool {
        !held.has_ended(now) && !self.is_rejected(&held.token)
    }
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
        let began = Instant::now();
        let held = read(&rotator, &secret).await?;
        if held.has_ended(rotator.clock.now()) {
            return Err(ended(&secret.typed));
        }
        let state = State {
            held: Arc::new(held),
            doubted: None,
            rejected: HashSet::new(),
            next_validation: began,
            failure: None,
        };
        let (name, read) = (secret.typed.clone(), watch::Sender::new(began));
        let state = RwLock::new(state);
        Ok(Self { name, secret, rotator, pace, state, wanted: Notify::new(), read, changed: Notify::new() })
    }

    /// Reads the secret when it is due, and when a request wants it. Never ends.
    pub(super) async fn keep_current(&self) {
        let mut next_wanted = Instant::now();
        loop {
            tokio::select! {
                () = sleep(self.next_read()) => {}
                () = self.wanted.notified() => {
                    // Many requests may want one until the secret is rotated.
                    sleep_until(next_wanted).await;
                    next_wanted = Instant::now() + PAUSE;
                }
            }
            let began = Instant::now();
            let found = read(&self.rotator, &self.secret).await;
            self.take(found);
            self.settle_doubts().await;
            self.read.send_replace(began);
            self.changed.notify_one();
        }
    }

    /// Requests a read.
    pub(super) fn read_soon(&self) {
        self.wanted.notify_one();
    }

    /// The token that is held, whether or not it is valid.
    pub(super) fn held(&self) -> Arc<Held> {
        self.state.read().held.clone()
    }

    /// The error of the last read, if it failed.
    pub(super) fn failure(&self) -> Option<RotationError> {
        self.state.read().failure.clone()
    }

    /// Whether the held token is valid, as far as its document and the platform's last answer say.
    pub(super) fn is_ready(&self) -> bool {
        let state = self.state.read();
        state.is_usable(&state.held, self.now())
    }

    /// Why callers do not get what they expect: a read that failed, or a token that has expired or is rejected.
    pub(super) fn trouble(&self) -> Option<RotationError> {
        let state = self.state.read();
        let rejected = || {
            let message = format!("the platform rejects the token of {}, and the secret holds no other one", self.name);
            state.is_rejected(&state.held.token).then(|| no_valid_token(&self.name, message))
        };
        let ended = || state.held.has_ended(self.now()).then(|| ended(&self.name));
        state.failure.clone().or_else(rejected).or_else(ended)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.rotator.clock.now()
    }

    /// Returns a token that has not ended. If the held one has, waits until the secret has another one.
    ///
    /// # Errors
    /// The secret has no other one in time.
    pub(super) async fn live(&self) -> Result<Arc<Held>> {
        self.held_when(|state| !state.held.has_ended(self.now())).await
    }

    /// Returns the token that the secret holds now, or the held one if the store does not answer. If the token has ended, or
    /// the platform rejects it, waits until the secret has another one.
    ///
    /// # Errors
    /// The secret has no other one in time.
    pub(super) async fn current(&self) -> Result<Arc<Held>> {
        // Without an answer, the held token is good enough.
        let longest = if self.failure().is_some() { PAUSE } else { STORE };
        let _ = timeout(longest.min(self.pace.wait), self.read_since(Instant::now())).await;
        self.held_when(|state| state.is_usable(&state.held, self.now())).await
    }

    async fn held_when(&self, is_good: impl Fn(&State) -> bool) -> Result<Arc<Held>> {
        let good = || Some(self.state.read()).filter(|state| is_good(state)).map(|state| state.held.clone());
        let asked = Instant::now();
        let read_until_good = async {
            loop {
                if let Some(held) = good() {
                    return held;
                }
                self.read_since(Instant::now()).await;
            }
        };
        let held = timeout_at(asked + self.pace.wait, read_until_good).await;
        held.map_err(|_| match self.trouble() {
            Some(trouble) if *self.read.borrow() >= asked => trouble,
            _ => {
                let message =
                    format!("the store of {} has not answered in time, and its last token is not valid", self.name);
                RotationError::new(ErrorKind::StoreUnavailable, message)
            }
        })
    }

    /// Records that the platform may have rejected a token.
    pub(super) fn doubt(&self, token: &SecretString) {
        self.state.write().doubted = Some(token.clone());
    }

    /// Validates the held token if it is in doubt, or rejected: a new token may need some time until it is known everywhere.
    async fn settle_doubts(&self) {
        let held = {
            let mut state = self.state.write();
            let (held, now) = (state.held.clone(), Instant::now());
            match state.doubted.take() {
                Some(doubted) if !same(&doubted, &held.token) => {
                    state.rejected.insert(hash(doubted.expose_secret()));
                    return;
                }
                None if !state.is_rejected(&held.token) => return,
                doubted if now < state.next_validation => {
                    state.doubted = doubted;
                    return;
                }
                _ => state.next_validation = now + TROUBLED,
            }
            held
        };
        let validated = timeout(VALIDATION, self.rotator.issuer.accepts(&held.place, &held.token)).await;
        let (mut state, hash) = (self.state.write(), hash(held.token.expose_secret()));
        match validated {
            Ok(Err(error)) if error.kind() == ErrorKind::TokenRejected => drop(state.rejected.insert(hash)),
            Ok(Ok(_)) => drop(state.rejected.remove(&hash)),
            _ => {}
        }
    }

    /// Returns another token than `rejected`, if the secret has one and the store answers in time.
    pub(super) async fn after_rejection(&self, rejected: &Held) -> Option<Arc<Held>> {
        let other =
            || Some(self.held()).filter(|held| !same(&held.token, &rejected.token) && !held.has_ended(self.now()));
        if let Some(held) = other() {
            return Some(held);
        }
        let _ = timeout(self.pace.wait, self.read_since(Instant::now())).await;
        other()
    }

    /// Waits for a read that began at `moment` or later.
    async fn read_since(&self, moment: Instant) {
        let mut read = self.read.subscribe();
        if *read.borrow() < moment {
            self.wanted.notify_one();
            // The sender is a part of this keeper, so it is there.
            let _ = read.wait_for(|began| *began >= moment).await;
        }
    }

    /// Holds what a read has found. The held token is kept if the read failed, and if it is better than the one found: a read
    /// of the store may be stale.
    fn take(&self, found: Result<Held>) {
        let now = self.now();
        let mut state = self.state.write();
        match found {
            Ok(found) if same(&found.token, &state.held.token) || !state.is_usable(&state.held, now) => {
                if !same(&found.token, &state.held.token) {
                    state.next_validation = Instant::now();
                }
                (state.held, state.failure) = (Arc::new(found), None);
            }
            Ok(found) if found.has_ended(now) => {
                let message = format!("{} now holds a token that has expired", self.name);
                state.failure = Some(no_valid_token(&self.name, message));
            }
            Ok(found) => {
                if state.is_usable(&found, now) {
                    (state.held, state.next_validation) = (Arc::new(found), Instant::now());
                }
                state.failure = None;
            }
            Err(error) => state.failure = Some(error),
        }
    }

    /// The time until the secret should be read again.
    fn next_read(&self) -> Duration {
        let left = self.held().left(self.now()).unwrap_or(Duration::MAX);
        let before_end = left.saturating_sub(SHORT);
        let is_troubled = self.trouble().is_some() || self.state.read().doubted.is_some();
        let soon = if before_end.is_zero() || is_troubled { TROUBLED } else { before_end };
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
    Ok(Held { token: current.access_token, expires_at: current.expires_at, api, place, region })
}

fn ended(name: &str) -> RotationError {
    no_valid_token(name, format!("the token of {name} has expired, and the secret holds no other one"))
}

fn no_valid_token(name: &str, message: String) -> RotationError {
    let hint =
        format!("rotate it: `genesys-rotator rotate {name}`; `genesys-rotator status {name}` shows its schedule");
    RotationError::new(ErrorKind::TokenRejected, message).with_hint(hint)
}
