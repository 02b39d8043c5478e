//! A simulator of Genesys Cloud: the login service's token endpoint and the part of the
//! Platform API around tokens and OAuth clients, on one listener.
//!
//! Operations are named by method and path, with `{id}` for an id in the path:
//! `POST /oauth/token`, `GET /api/v2/users/me`, `POST /api/v2/oauth/clients/{id}/secret`.

mod access;
mod client;
mod error;
mod identity;
mod lists;
mod login;
mod oauth_clients;
mod routes;
mod search;
mod settings;
mod state;
mod unpublished;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderName;
use serde_json::Value;

pub use client::{CLIENT_CREDENTIALS, Client, ClientState, RoleDivision};
pub use settings::{ExpiresIn, Settings};

use access::{Bearer, Rate};
use error::ApiError;
use routes::Resource;
use state::State;

use crate::control;
use crate::faults::Faults;
use crate::http::{Reply, Request, Service};
use crate::journal::Journal;

/// A simulated organization, with the login service and the API of its region.
pub struct Genesys(Mutex<State>);

impl Genesys {
    /// An organization without any clients.
    pub fn new(settings: Settings) -> Self {
        Self(Mutex::new(State::new(settings)))
    }

    /// Changes the knobs while the simulator runs.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// The knobs as they are.
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Adds an OAuth client, or puts it in the place of the one with the same id.
    pub fn add_client(&self, client: Client) {
        self.state().register(client);
    }

    /// The OAuth clients with their present secrets, in the order of their ids.
    pub fn clients(&self) -> Vec<Client> {
        self.state().clients.values().map(|registration| registration.client.clone()).collect()
    }

    /// The tokens that would authenticate now, in the order of their minting.
    pub fn live_tokens(&self) -> Vec<String> {
        self.state().live_tokens()
    }

    /// How many tokens were ever minted.
    pub fn minted(&self) -> usize {
        self.state().minted
    }

    /// Ends every token.
    pub fn revoke_all(&self) {
        self.state().revoke_all();
    }

    /// Puts the simulator's clock forward, so that tokens expire and rate limits open again.
    pub fn advance(&self, time: Duration) {
        self.state().clock.advance(time);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Genesys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Genesys").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Service for Genesys {
    fn operation(&self, request: &Request) -> String {
        let path = Resource::at(&request.path).map_or(request.path.as_str(), |resource| resource.pattern());
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
        reply
    }

    fn control(&self, request: &Request, faults: &Faults, journal: &Journal) -> Option<Reply> {
        control::handle(request, self, faults, journal)
    }
}

fn answer(state: &mut State, request: &Request, rate: &mut Option<Rate>) -> Result<Reply, ApiError> {
    if request.path == login::PATH {
        return login::answer(state, request);
    }
    let bearer = access::authenticate(state, request)?;
    *rate = access::count(state, &bearer);
    if let Some(rate) = rate {
        rate.check()?;
    }
    let resource = Resource::at(&request.path).ok_or_else(ApiError::not_found)?;
    let unpublished = matches!(resource, Resource::GeneratedToken | Resource::ApiTokens);
    if unpublished && !state.settings.unpublished_endpoints {
        return Err(ApiError::not_found());
    }
    if !resource.methods().contains(&request.method.as_str()) {
        return Err(ApiError::method_not_allowed(resource.methods()));
    }
    let client = &state.clients.get(&bearer.client_id).ok_or_else(ApiError::bad_credentials)?.client;
    access::authorize(client, resource, &request.method)?;
    dispatch(state, request, resource, &bearer)
}

fn dispatch(state: &mut State, request: &Request, resource: Resource<'_>, bearer: &Bearer) -> Result<Reply, ApiError> {
    let entities = state.settings.list_entities;
    match (resource, &request.method) {
        (Resource::Me, _) => identity::me(state, bearer),
        (Resource::OwnToken, &Method::HEAD) => Ok(identity::verify(state)),
        (Resource::OwnToken, &Method::DELETE) => Ok(identity::revoke(state, bearer)),
        (Resource::OwnToken, _) => identity::token(state, bearer),
        (Resource::Clients, &Method::POST) => oauth_clients::create(state, bearer, &body(request)?),
        (Resource::Clients, _) => oauth_clients::list(state, request),
        (Resource::Client(id), &Method::PUT) => oauth_clients::update(state, bearer, id, &body(request)?),
        (Resource::Client(id), &Method::DELETE) => oauth_clients::delete(state, id),
        (Resource::Client(id), _) => oauth_clients::read(state, id),
        (Resource::ClientSecret(id), _) => {
            body(request)?;
            oauth_clients::regenerate_secret(state, bearer, id)
        }
        (Resource::List(directory), _) => directory.page(request, entities),
        (Resource::UserSearch, _) => search::users(request, entities, state.settings.search_links),
        (Resource::AuditResults(id), _) => lists::audit_results(request, id, entities),
        (Resource::GeneratedToken, _) => unpublished::generate(state, bearer, &body(request)?),
        (Resource::ApiTokens, _) => unpublished::api_token(state, bearer, &body(request)?),
    }
}

/// A request's JSON body; no body counts as `null`.
fn body(request: &Request) -> Result<Value, ApiError> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err(ApiError::unsupported_media_type());
    }
    serde_json::from_slice(&request.body).map_err(|_| ApiError::malformed("the body is not JSON"))
}
