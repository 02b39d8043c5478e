//! The state of the simulated tenant: its applications, its users' access keys, and the issued tokens.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::jwt;
use super::settings::CxoneSettings;
use crate::clock::Clock;

/// The window of both rate limits.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The default user of an access key.
const EVERYDAY_USER: &str = "11ec5a1e-0000-4000-8000-00000000b001";

/// An application.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The permitted grants.
    #[serde(default = "all_grants")]
    pub grants: Vec<String>,
}

/// A user's access key.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The user that it belongs to.
    #[serde(default = "everyday_user")]
    pub user_id: String,
    /// Whether it may be used.
    #[serde(default = "active")]
    pub is_active: bool,
}

impl Application {
    /// Creates an application with all grants.
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), grants: all_grants() }
    }
}

impl AccessKey {
    /// Creates an active key of the default user.
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), user_id: everyday_user(), is_active: true }
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Application")
            .field("id", &self.id)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = formatter.debug_struct("AccessKey");
        key.field("id", &self.id).field("user_id", &self.user_id).field("is_active", &self.is_active);
        key.finish_non_exhaustive()
    }
}

fn all_grants() -> Vec<String> {
    ["password", "client_credentials"].map(str::to_owned).to_vec()
}

fn everyday_user() -> String {
    EVERYDAY_USER.to_owned()
}

fn active() -> bool {
    true
}

pub(super) struct CxoneState {
    pub settings: CxoneSettings,
    pub clock: Clock,
    pub clients: BTreeMap<String, Application>,
    pub access_keys: BTreeMap<String, AccessKey>,
    pub minted: usize,
    tokens: HashMap<String, Token>,
    token_requests: HashMap<String, Window>,
}

/// An issued token.
struct Token {
    access_key: Option<String>,
    expires: Duration,
    rejected: bool,
    serial: usize,
    requests: Window,
}

/// The calls of one rate limit in its current window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    opened: Duration,
    count: u32,
}

impl Window {
    /// Counts a call. Over the limit, the error is the time until the window ends, in seconds.
    fn record(&mut self, now: Duration, allowed: u32) -> Result<(), u64> {
        if self.count == 0 || now.saturating_sub(self.opened) >= RATE_WINDOW {
            *self = Self { opened: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        let left = RATE_WINDOW.saturating_sub(now.saturating_sub(self.opened));
        // Rounded up, so that a caller that waits this long is never early.
        if self.count <= allowed { Ok(()) } else { Err(left.as_secs() + 1) }
    }
}

impl CxoneState {
    pub fn new(settings: CxoneSettings) -> Self {
        Self {
            settings,
            clock: Clock::new(),
            clients: BTreeMap::new(),
            access_keys: BTreeMap::new(),
            minted: 0,
            tokens: HashMap::new(),
            token_requests: HashMap::new(),
        }
    }

    /// Issues a token, for the user of the access key if there is one.
    pub fn mint(&mut self, access_key: Option<&AccessKey>) -> String {
        let expires = self.clock.now().saturating_add(Duration::from_secs(self.settings.token_lifetime));
        let mut claims = self.claims(access_key);
        if !self.settings.tenant_in_tokens {
            claims["tenantId"].take();
        }
        let text = if self.settings.opaque_tokens { jwt::random(200) } else { jwt::token(&claims) };
        let token = Token {
            access_key: access_key.map(|key| key.id.clone()),
            expires,
            rejected: self.settings.reject_new_tokens,
            serial: self.minted,
            requests: Window::default(),
        };
        self.minted += 1;
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Creates an OpenID Connect token for the user of an access key.
    pub fn id_token(&self, access_key: Option<&AccessKey>) -> String {
        jwt::token(&self.claims(access_key))
    }

    fn claims(&self, access_key: Option<&AccessKey>) -> Value {
        let expires = self.clock.now().saturating_add(Duration::from_secs(self.settings.token_lifetime));
        json!({
            "iss": self.settings.issuer,
            "sub": access_key.map(|key| format!("user:{}", key.user_id)),
            "tenantId": self.settings.tenant_id,
            "icBUId": self.settings.business_unit_id,
            "area": self.settings.area,
            "exp": self.clock.date(expires).as_second(),
        })
    }

    /// Returns whether a token is valid now.
    pub fn authenticates(&self, text: &str) -> bool {
        self.tokens.get(text).is_some_and(|token| self.is_alive(token))
    }

    /// Counts an API request of a token. Over the limit, the error is when to retry, in seconds.
    pub fn record_request(&mut self, text: &str, allowed: u32) -> Result<(), u64> {
        let now = self.clock.now();
        self.tokens.get_mut(text).map_or(Ok(()), |token| token.requests.record(now, allowed))
    }

    /// Counts a token request of a client or an access key. Over the limit, the error is when to retry, in seconds.
    pub fn record_token_request(&mut self, id: &str) -> Result<(), u64> {
        let Some(allowed) = self.settings.token_requests_per_minute else { return Ok(()) };
        let now = self.clock.now();
        self.token_requests.entry(id.to_owned()).or_default().record(now, allowed)
    }

    pub fn revoke_all(&mut self) {
        self.tokens.clear();
    }

    pub fn revoke_tokens_of(&mut self, access_key: &str) {
        self.tokens.retain(|_, token| token.access_key.as_deref() != Some(access_key));
    }

    /// Returns the valid tokens, in the order of their issue.
    pub fn live_tokens(&self) -> Vec<String> {
        let mut live: Vec<_> = self.tokens.iter().filter(|(_, token)| self.is_alive(token)).collect();
        live.sort_by_key(|(_, token)| token.serial);
        live.into_iter().map(|(text, _)| text.clone()).collect()
    }

    fn is_alive(&self, token: &Token) -> bool {
        !token.rejected && self.clock.now() < token.expires
    }
}
