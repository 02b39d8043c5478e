//! A simulator of NICE CXone: discovery, the three token requests, the call that tokens are validated by, and the
//! management of access keys, on one listener.
//!
//! Operations are named by method and path, with `{id}` for an id in the path: `POST /auth/token`,
//! `GET /incontactapi/services/v27.0/business-unit`, `DELETE /access-key-management/v1/access-keys/{id}`.

mod access_keys;
mod control;
mod discovery;
mod error;
mod jwt;
mod login;
mod routes;
mod settings;
mod state;
mod tenant;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, RETRY_AFTER};

pub use control::control;
pub use settings::{ExpiresIn, Settings};
pub use state::{AccessKey, Client};

use error::ApiError;
use routes::Resource;
use state::State;

use crate::faults::Faults;
use crate::http::{Reply, Request, Service};
use crate::journal::Journal;

/// A simulated tenant, with the issuer, UserHub and the API that it belongs to.
pub struct Cxone(Mutex<State>);

impl Cxone {
    /// A tenant without any applications or access keys.
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

    /// Registers an application, or puts it in the place of the one with the same id.
    pub fn add_client(&self, client: Client) {
        self.state().clients.insert(client.id.clone(), client);
    }

    /// Gives a user an access key, or puts it in the place of the one with the same id.
    pub fn add_access_key(&self, key: AccessKey) {
        self.state().access_keys.insert(key.id.clone(), key);
    }

    /// The applications, in the order of their ids.
    pub fn clients(&self) -> Vec<Client> {
        self.state().clients.values().cloned().collect()
    }

    /// The access keys, in the order of their ids.
    pub fn access_keys(&self) -> Vec<AccessKey> {
        self.state().access_keys.values().cloned().collect()
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

    /// Whether a request is one of CXone's. The older token request has its path from OAuth's examples, like others':
    /// there the application decides.
    pub fn takes(&self, request: &Request) -> bool {
        match Resource::at(&request.path) {
            Some(Resource::OlderToken) => {
                login::named_client(request).is_some_and(|id| self.state().clients.contains_key(&id))
            }
            Some(_) => true,
            None => routes::is_own(&request.path),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cxone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cxone").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Service for Cxone {
    fn operation(&self, request: &Request) -> String {
        let path = Resource::at(&request.path).map_or(request.path.as_str(), |resource| resource.pattern());
        format!("{} {path}", request.method)
    }

    async fn answer(&self, request: Request) -> Reply {
        answer(&mut self.state(), &request).unwrap_or_else(|error| error.reply())
    }

    fn control(&self, request: &Request, _faults: &Faults, _journal: &Journal) -> Option<Reply> {
        control(request, self)
    }
}

fn answer(state: &mut State, request: &Request) -> Result<Reply, ApiError> {
    let resource = Resource::at(&request.path).ok_or_else(ApiError::not_found)?;
    if !resource.methods().contains(&request.method.as_str()) {
        return Err(ApiError::method_not_allowed(resource.methods()));
    }
    match resource {
        Resource::OpenidConfiguration => return Ok(discovery::openid(state)),
        Resource::CxoneConfiguration => return discovery::tenant(state, request),
        Resource::Token => return login::back_end(state, request),
        Resource::UserHubToken => return login::user_hub(state, request),
        Resource::OlderToken => return login::older(state, request),
        _ => {}
    }
    authenticate(state, request)?;
    match (resource, &request.method) {
        (Resource::AccessKeys, &Method::POST) => access_keys::create(state, request),
        (Resource::AccessKeys, &Method::PATCH) => access_keys::update(state, request),
        (Resource::AccessKeys, _) => Ok(access_keys::list(state, request)),
        (Resource::AccessKey(id), &Method::DELETE) => access_keys::delete(state, id),
        (Resource::AccessKey(id), _) => access_keys::read(state, id),
        (Resource::List(name), _) => Ok(tenant::list(name, request)),
        _ => tenant::business_unit(state),
    }
}

/// What stands before every API request: the token, and its rate limit.
fn authenticate(state: &mut State, request: &Request) -> Result<(), ApiError> {
    let header = request.header(AUTHORIZATION.as_str()).unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        _ => return Err(ApiError::invalid_token()),
    };
    if !state.authenticates(&token) {
        return Err(ApiError::invalid_token());
    }
    match state.settings.requests_per_minute {
        Some(allowed) => state.record_request(&token, allowed).map_err(ApiError::too_many_requests),
        None => Ok(()),
    }
}

/// Writes when to come back into an answer.
fn with_retry_after(mut reply: Reply, seconds: u64) -> Reply {
    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    reply
}
