//! The simulated organization: its public face, and the dispatch of its requests.

use std::fmt;
use std::time::Duration;

use hyper::Method;
use hyper::header::{DATE, HeaderName};
use jiff::fmt::rfc2822::DateTimePrinter;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use super::access::{self, Bearer, Rate};
use super::client::OAuthClient;
use super::error::GenesysError;
use super::routes::GenesysResource;
use super::settings::GenesysSettings;
use super::state::{GenesysState, LiveToken};
use super::{identity, lists, login, oauth_clients, search, unpublished};
use crate::http::{Reply, Request, Service};

/// A simulated organization, with its login service and API.
pub struct Genesys(Mutex<GenesysState>);

impl Genesys {
    /// Creates an organization without clients.
    pub fn new(settings: GenesysSettings) -> Self {
        Self(Mutex::new(GenesysState::new(settings)))
    }

    /// Changes the knobs.
    pub fn set(&self, change: impl FnOnce(&mut GenesysSettings)) {
        change(&mut self.state().settings);
    }

    /// Returns the knobs.
    pub fn settings(&self) -> GenesysSettings {
        self.state().settings.clone()
    }

    /// Adds an OAuth client, or replaces the one with the same id.
    pub fn add_client(&self, client: OAuthClient) {
        self.state().register(client);
    }

    /// Returns the OAuth clients with their current secrets, sorted by id.
    pub fn clients(&self) -> Vec<OAuthClient> {
        self.state().clients.values().map(|registration| registration.client.clone()).collect()
    }

    /// Returns the valid tokens, in the order of their issue.
    pub fn live_tokens(&self) -> Vec<String> {
        self.issued_tokens().into_iter().map(|token| token.text).collect()
    }

    /// Returns the valid tokens with their clients, in the order of their issue.
    pub fn issued_tokens(&self) -> Vec<LiveToken> {
        self.state().live_tokens()
    }

    /// Returns the id of the client that a valid token was issued to.
    pub fn owner_of(&self, token: &str) -> Option<String> {
        self.state().token(token).map(|token| token.client_id.clone())
    }

    /// Returns whether the login nodes accept a client's secret now.
    pub fn accepts(&self, client_id: &str, secret: &str) -> bool {
        let state = self.state();
        state.clients.get(client_id).is_some_and(|registration| registration.accepts(secret, state.clock.now()))
    }

    /// Returns how many tokens were issued in total.
    pub fn minted(&self) -> usize {
        self.state().minted
    }

    /// Revokes all tokens.
    pub fn revoke_all(&self) {
        self.state().revoke_all();
    }

    /// Advances the simulator's clock, which expires tokens and resets rate limits.
    pub fn advance(&self, time: Duration) {
        self.state().clock.advance(time);
    }

    fn state(&self) -> MutexGuard<'_, GenesysState> {
        self.0.lock()
    }
}

impl fmt::Debug for Genesys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Genesys").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Service for Genesys {
    fn operation(&self, request: &Request) -> String {
        let path = GenesysResource::at(&request.path).map_or(request.path.as_str(), |resource| resource.pattern());
        format!("{} {path}", request.method)
    }

    async fn answer(&self, request: Request) -> Reply {
        let mut state = self.state();
        let correlation_id = uuid::Uuid::new_v4().to_string();
        let mut rate = None;
        let answer = answer(&mut state, &request, &mut rate);
        let mut reply = answer.unwrap_or_else(|error| error.reply(&correlation_id));
        if let Some(rate) = rate {
            rate.describe(&mut reply);
        }
        for name in &state.settings.correlation_headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), correlation_id.parse()) {
                reply.headers_mut().insert(name, value);
            }
        }
        // The simulated clock may have been advanced.
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&state.clock.date(state.clock.now()));
        if let Some(date) = date.ok().and_then(|date| date.parse().ok()) {
            reply.headers_mut().insert(DATE, date);
        }
        reply
    }
}

fn answer(state: &mut GenesysState, request: &Request, rate: &mut Option<Rate>) -> Result<Reply, GenesysError> {
    if request.path == login::PATH {
        return login::answer(state, request);
    }
    let bearer = access::authenticate(state, request)?;
    *rate = access::count(state, &bearer);
    if let Some(rate) = rate {
        rate.check()?;
    }
    let resource = GenesysResource::at(&request.path).ok_or_else(GenesysError::not_found)?;
    if resource != GenesysResource::OwnToken || request.parameter("preserveIdleTTL") != Some("true") {
        state.note_use(&bearer.token);
    }
    let unpublished = matches!(resource, GenesysResource::GeneratedToken | GenesysResource::ApiTokens);
    if unpublished && !state.settings.unpublished_endpoints {
        return Err(GenesysError::not_found());
    }
    if !resource.methods().contains(&request.method.as_str()) {
        return Err(GenesysError::method_not_allowed(resource.methods()));
    }
    let client = &state.clients.get(&bearer.client_id).ok_or_else(GenesysError::bad_credentials)?.client;
    access::authorize(client, resource, &request.method)?;
    dispatch(state, request, resource, &bearer)
}

fn dispatch(
    state: &mut GenesysState,
    request: &Request,
    resource: GenesysResource<'_>,
    bearer: &Bearer,
) -> Result<Reply, GenesysError> {
    let entities = state.settings.list_entities;
    match (resource, &request.method) {
        (GenesysResource::Me, _) => identity::me(state, bearer),
        (GenesysResource::OwnToken, &Method::HEAD) => Ok(identity::verify(state)),
        (GenesysResource::OwnToken, &Method::DELETE) => Ok(identity::revoke(state, bearer)),
        (GenesysResource::OwnToken, _) => identity::token(state, bearer),
        (GenesysResource::IdleTimeout, _) => identity::idle_timeout(state, bearer),
        (GenesysResource::Clients, &Method::POST) => oauth_clients::create(state, bearer, &body(request)?),
        (GenesysResource::Clients, _) => oauth_clients::list(state, request),
        (GenesysResource::Client(id), &Method::PUT) => oauth_clients::update(state, bearer, id, &body(request)?),
        (GenesysResource::Client(id), &Method::DELETE) => oauth_clients::delete(state, id),
        (GenesysResource::Client(id), _) => oauth_clients::read(state, id),
        (GenesysResource::ClientSecret(id), _) => {
            body(request)?;
            oauth_clients::regenerate_secret(state, bearer, id)
        }
        (GenesysResource::List(directory), _) => directory.page(request, entities),
        (GenesysResource::UserSearch, _) => search::users(request, entities, state.settings.search_links),
        (GenesysResource::AuditResults(id), _) => lists::audit_results(request, id, entities),
        (GenesysResource::GeneratedToken, _) => unpublished::generate(state, bearer, &body(request)?),
        (GenesysResource::ApiTokens, _) => unpublished::api_token(state, bearer, &body(request)?),
    }
}

/// Parses a request's JSON body. No body counts as `null`.
fn body(request: &Request) -> Result<Value, GenesysError> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err(GenesysError::unsupported_media_type());
    }
    serde_json::from_slice(&request.body).map_err(|_| GenesysError::malformed("the body is not JSON"))
}
