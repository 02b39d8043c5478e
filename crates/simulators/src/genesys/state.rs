//! The state of the simulated organization: its clients, and the issued tokens with their use.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{ClientState, OAuthClient};
use super::settings::GenesysSettings;
use crate::clock::Clock;

/// The window of both rate limits.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The alphabet of a token. With the last three characters a token is not Base64.
const TOKEN_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*";

/// How many characters a token has.
const TOKEN_LENGTH: usize = 86;

pub(super) struct GenesysState {
    pub settings: GenesysSettings,
    pub clock: Clock,
    pub clients: BTreeMap<String, Registration>,
    pub minted: usize,
    tokens: HashMap<String, Token>,
}

/// A client with its service-side state.
pub(super) struct Registration {
    pub client: OAuthClient,
    pub description: Option<String>,
    pub redirect_uris: Vec<String>,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Its secrets, oldest first, each with the time from which the login nodes accept it.
    secrets: Vec<(Duration, String)>,
    token_requests: Window,
}

/// An issued token.
#[derive(Clone)]
pub(super) struct Token {
    pub client_id: String,
    expires: Duration,
    used: Duration,
    issued: Instant,
    rejected: bool,
    serial: usize,
    requests: Window,
}

/// A valid token, and who it was issued to.
pub struct LiveToken {
    /// The token.
    pub text: String,
    /// The id of the client that it was issued to.
    pub client_id: String,
    /// When it was issued.
    pub issued: Instant,
}

/// The calls of one rate limit in its current window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    opened: Duration,
    pub count: u32,
}

impl Window {
    /// Counts a call, and returns the time until the window ends.
    pub fn record(&mut self, now: Duration) -> Duration {
        if self.count == 0 || now.saturating_sub(self.opened) >= RATE_WINDOW {
            *self = Self { opened: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        RATE_WINDOW.saturating_sub(now.saturating_sub(self.opened))
    }
}

impl Registration {
    fn new(client: OAuthClient, date: Timestamp) -> Self {
        Self {
            secrets: vec![(Duration::ZERO, client.secret.clone())],
            client,
            description: None,
            redirect_uris: Vec::new(),
            created: date,
            modified: date,
            token_requests: Window::default(),
        }
    }

    /// Returns whether the login nodes accept this secret now.
    pub fn accepts(&self, secret: &str, now: Duration) -> bool {
        let known = self.secrets.iter().rfind(|(from, _)| *from <= now);
        known.is_some_and(|(_, known)| known == secret)
    }
}

impl GenesysState {
    pub fn new(settings: GenesysSettings) -> Self {
        Self { settings, clock: Clock::new(), clients: BTreeMap::new(), minted: 0, tokens: HashMap::new() }
    }

    /// Registers a client, or replaces the one with the same id.
    pub fn register(&mut self, client: OAuthClient) -> &mut Registration {
        let registration = Registration::new(client, self.clock.date(self.clock.now()));
        self.clients.entry(registration.client.id.clone()).insert_entry(registration).into_mut()
    }

    /// Issues a token for a client.
    pub fn mint(&mut self, client_id: &str, lifetime: u64) -> String {
        let text = token_text();
        let token = Token {
            client_id: client_id.to_owned(),
            expires: self.clock.now().saturating_add(Duration::from_secs(lifetime)),
            used: self.clock.now(),
            issued: Instant::now(),
            rejected: self.settings.reject_new_tokens,
            serial: self.minted,
            requests: Window::default(),
        };
        self.minted += 1;
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Returns the token, if it is valid now.
    pub fn token(&self, text: &str) -> Option<&Token> {
        self.tokens.get(text).filter(|token| self.authenticates(token))
    }

    /// Returns whether a token was issued and not revoked; it may have ended.
    pub fn was_issued(&self, text: &str) -> bool {
        self.tokens.contains_key(text)
    }

    /// Notes that a token is used now, which restarts its idle timeout.
    pub fn note_use(&mut self, text: &str) {
        let now = self.clock.now();
        if let Some(token) = self.tokens.get_mut(text) {
            token.used = now;
        }
    }

    /// Returns when a token ends unless it is used again, if it has an idle timeout.
    pub fn idles_at(&self, token: &Token) -> Option<Timestamp> {
        Some(self.clock.date(self.idle_end(token)?.min(token.expires)))
    }

    fn idle_end(&self, token: &Token) -> Option<Duration> {
        let timeout = Duration::from_secs(self.settings.idle_timeout?);
        let is_user = self.clients.get(&token.client_id).is_some_and(|registration| registration.client.user);
        let is_exempt = self.settings.idle_timeout_exempts_clients && !is_user;
        (!is_exempt).then(|| token.used.saturating_add(timeout))
    }

    /// Counts an API request of a token. Returns the count, and the time until the window ends.
    pub fn record_request(&mut self, text: &str) -> (u32, Duration) {
        let now = self.clock.now();
        self.tokens.get_mut(text).map_or((0, RATE_WINDOW), |token| {
            let reset = token.requests.record(now);
            (token.requests.count, reset)
        })
    }

    /// Counts a token request of a client. Returns the count, and the time until the window ends.
    pub fn record_token_request(&mut self, client_id: &str) -> (u32, Duration) {
        let now = self.clock.now();
        self.clients.get_mut(client_id).map_or((0, RATE_WINDOW), |registration| {
            let reset = registration.token_requests.record(now);
            (registration.token_requests.count, reset)
        })
    }

    pub fn revoke(&mut self, text: &str) {
        self.tokens.remove(text);
    }

    pub fn revoke_all(&mut self) {
        self.tokens.clear();
    }

    pub fn revoke_tokens_of(&mut self, client_id: &str) {
        self.tokens.retain(|_, token| token.client_id != client_id);
    }

    /// Returns the valid tokens, in the order of their issue.
    pub fn live_tokens(&self) -> Vec<LiveToken> {
        let mut live: Vec<_> = self.tokens.iter().filter(|(_, token)| self.authenticates(token)).collect();
        live.sort_by_key(|(_, token)| token.serial);
        let view = |(text, token): (&String, &Token)| LiveToken {
            text: text.clone(),
            client_id: token.client_id.clone(),
            issued: token.issued,
        };
        live.into_iter().map(view).collect()
    }

    /// Regenerates a client's secret, which the login nodes accept after the propagation time.
    pub fn regenerate_secret(&mut self, client_id: &str) {
        let now = self.clock.now();
        let known_from = now.saturating_add(Duration::from_secs(self.settings.secret_propagation));
        let date = self.clock.date(now);
        if let Some(registration) = self.clients.get_mut(client_id) {
            registration.client.secret = secret_text();
            registration.secrets.retain(|(from, _)| *from <= known_from);
            registration.secrets.push((known_from, registration.client.secret.clone()));
            registration.modified = date;
        }
        if self.settings.regenerate_revokes_tokens {
            self.revoke_tokens_of(client_id);
        }
    }

    fn authenticates(&self, token: &Token) -> bool {
        let client = self.clients.get(&token.client_id).map(|registration| &registration.client);
        let may_be_used = client.is_some_and(|client| match client.state {
            ClientState::Active => true,
            ClientState::Disabled => !self.settings.disabling_revokes_tokens,
            ClientState::Inactive => !self.settings.inactivating_revokes_tokens,
        });
        let now = self.clock.now();
        let is_idle = self.idle_end(token).is_some_and(|end| now >= end);
        may_be_used && !token.rejected && now < token.expires && !is_idle
    }
}

/// Generates a client secret.
pub(super) fn secret_text() -> String {
    (0..43).map(|_| sign(&TOKEN_ALPHABET[..64])).collect()
}

/// Generates an opaque token with at least one of the characters that naive parsers do not expect.
fn token_text() -> String {
    let mut text: Vec<char> = (0..TOKEN_LENGTH).map(|_| sign(TOKEN_ALPHABET)).collect();
    text[fastrand::usize(..TOKEN_LENGTH)] = sign(&TOKEN_ALPHABET[62..]);
    text.into_iter().collect()
}

fn sign(alphabet: &[u8]) -> char {
    char::from(alphabet[fastrand::usize(..alphabet.len())])
}
