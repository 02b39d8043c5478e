//! What the simulated organization remembers: its clients, the tokens that were
//! minted, and how often they were used.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::client::{ClientState, OAuthClient};
use super::settings::GenesysSettings;
use crate::clock::Clock;

/// The window of both rate limits.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The alphabet of a token, whose last three signs mark it as none of the Base64 kinds.
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

/// A client with what the service keeps about it.
pub(super) struct Registration {
    pub client: OAuthClient,
    pub description: Option<String>,
    pub redirect_uris: Vec<String>,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Its secrets in their order, each with the moment from which the login nodes know it.
    secrets: Vec<(Duration, String)>,
    token_requests: Window,
}

/// A token that was minted.
#[derive(Clone)]
pub(super) struct Token {
    pub client_id: String,
    pub expires: Duration,
    rejected: bool,
    serial: usize,
    requests: Window,
}

/// The calls of one rate limit in its present window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    opened: Duration,
    pub count: u32,
}

impl Window {
    /// Counts a call and tells how long the window is still open.
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

    /// Whether the login nodes take this secret now.
    pub fn accepts(&self, secret: &str, now: Duration) -> bool {
        let known = self.secrets.iter().rfind(|(from, _)| *from <= now);
        known.is_some_and(|(_, known)| known == secret)
    }
}

impl GenesysState {
    pub fn new(settings: GenesysSettings) -> Self {
        Self { settings, clock: Clock::new(), clients: BTreeMap::new(), minted: 0, tokens: HashMap::new() }
    }

    /// Registers a client, in the place of one with the same id.
    pub fn register(&mut self, client: OAuthClient) -> &mut Registration {
        let registration = Registration::new(client, self.clock.date(self.clock.now()));
        self.clients.entry(registration.client.id.clone()).insert_entry(registration).into_mut()
    }

    /// Mints a token for a client and returns it.
    pub fn mint(&mut self, client_id: &str, lifetime: u64) -> String {
        let text = token_text();
        let token = Token {
            client_id: client_id.to_owned(),
            expires: self.clock.now().saturating_add(Duration::from_secs(lifetime)),
            rejected: self.settings.reject_new_tokens,
            serial: self.minted,
            requests: Window::default(),
        };
        self.minted += 1;
        self.tokens.insert(text.clone(), token);
        text
    }

    /// The token of this text, if it authenticates now.
    pub fn token(&self, text: &str) -> Option<&Token> {
        self.tokens.get(text).filter(|token| self.authenticates(token))
    }

    /// Counts an API request of a token: the count, and how long the window is still open.
    pub fn record_request(&mut self, text: &str) -> (u32, Duration) {
        let now = self.clock.now();
        self.tokens.get_mut(text).map_or((0, RATE_WINDOW), |token| {
            let reset = token.requests.record(now);
            (token.requests.count, reset)
        })
    }

    /// Counts a token request of a client: the count, and how long the window is still open.
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

    /// The tokens that authenticate now, in the order of their minting.
    pub fn live_tokens(&self) -> Vec<String> {
        let mut live: Vec<_> = self.tokens.iter().filter(|(_, token)| self.authenticates(token)).collect();
        live.sort_by_key(|(_, token)| token.serial);
        live.into_iter().map(|(text, _)| text.clone()).collect()
    }

    /// Gives a client a new secret, which the login nodes learn after the propagation time.
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
        let may_be_used =
            client.is_some_and(|client| client.state == ClientState::Active || !self.settings.disabling_revokes_tokens);
        may_be_used && !token.rejected && self.clock.now() < token.expires
    }
}

/// A new client secret.
pub(super) fn secret_text() -> String {
    (0..43).map(|_| sign(&TOKEN_ALPHABET[..64])).collect()
}

/// An opaque token with at least one of the signs that break careless consumers.
fn token_text() -> String {
    let mut text: Vec<char> = (0..TOKEN_LENGTH).map(|_| sign(TOKEN_ALPHABET)).collect();
    text[fastrand::usize(..TOKEN_LENGTH)] = sign(&TOKEN_ALPHABET[62..]);
    text.into_iter().collect()
}

fn sign(alphabet: &[u8]) -> char {
    char::from(alphabet[fastrand::usize(..alphabet.len())])
}
