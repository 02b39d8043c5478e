//! The simulated tenant: its public face, and the dispatch of its requests.

use std::fmt;
use std::time::Duration;

use hyper::Method;
use hyper::header::AUTHORIZATION;
use parking_lot::{Mutex, MutexGuard};

use super::error::CxoneError;
use super::routes::{self, CxoneResource};
use super::settings::CxoneSettings;
use super::state::{AccessKey, Application, CxoneState};
use super::{access_keys, discovery, login, tenant};
use crate::http::{Reply, Request, Service};

/// A simulated tenant, with its issuer, UserHub and API.
pub struct Cxone(Mutex<CxoneState>);

impl Cxone {
    /// Creates a tenant without applications or access keys.
    pub fn new(settings: CxoneSettings) -> Self {
        Self(Mutex::new(CxoneState::new(settings)))
    }

    /// Changes the knobs.
    pub fn set(&self, change: impl FnOnce(&mut CxoneSettings)) {
        change(&mut self.state().settings);
    }

    /// Returns the knobs.
    pub fn settings(&self) -> CxoneSettings {
        self.state().settings.clone()
    }

    /// Adds an application, or replaces the one with the same id.
    pub fn add_client(&self, client: Application) {
        self.state().clients.insert(client.id.clone(), client);
    }

    /// Adds an access key, or replaces the one with the same id.
    pub fn add_access_key(&self, key: AccessKey) {
        self.state().access_keys.insert(key.id.clone(), key);
    }

    /// Returns the applications, sorted by id.
    pub fn clients(&self) -> Vec<Application> {
        self.state().clients.values().cloned().collect()
    }

    /// Returns the access keys, sorted by id.
    pub fn access_keys(&self) -> Vec<AccessKey> {
        self.state().access_keys.values().cloned().collect()
    }

    /// Returns the valid tokens, in the order of their issue.
    pub fn live_tokens(&self) -> Vec<String> {
        self.state().live_tokens()
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

    /// Returns whether a request belongs to CXone. Genesys Cloud has the same path for the older token request, so there the
    /// client id decides.
    pub fn takes(&self, request: &Request) -> bool {
        match CxoneResource::at(&request.path) {
            Some(CxoneResource::OlderToken) => {
                login::named_client(request).is_some_and(|id| self.state().clients.contains_key(&id))
            }
            Some(_) => true,
            None => routes::is_own(&request.path),
        }
    }

    fn state(&self) -> MutexGuard<'_, CxoneState> {
        self.0.lock()
    }
}

impl fmt::Debug for Cxone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cxone").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Service for Cxone {
    fn operation(&self, request: &Request) -> String {
        let path = CxoneResource::at(&request.path).map_or(request.path.as_str(), |resource| resource.pattern());
        format!("{} {path}", request.method)
    }

    async fn answer(&self, request: Request) -> Reply {
        answer(&mut self.state(), &request).unwrap_or_else(|error| error.reply())
    }
}

fn answer(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let resource = CxoneResource::at(&request.path).ok_or_else(CxoneError::not_found)?;
    if !resource.methods().contains(&request.method.as_str()) {
        return Err(CxoneError::method_not_allowed(resource.methods()));
    }
    match resource {
        CxoneResource::OpenidConfiguration => return Ok(discovery::openid(state)),
        CxoneResource::CxoneConfiguration => return discovery::tenant(state, request),
        CxoneResource::Token => return login::back_end(state, request),
        CxoneResource::UserHubToken => return login::user_hub(state, request),
        CxoneResource::OlderToken => return login::older(state, request),
        _ => {}
    }
    authenticate(state, request)?;
    match (resource, &request.method) {
        (CxoneResource::AccessKeys, &Method::POST) => access_keys::create(state, request),
        (CxoneResource::AccessKeys, &Method::PATCH) => access_keys::update(state, request),
        (CxoneResource::AccessKeys, _) => Ok(access_keys::list(state, request)),
        (CxoneResource::AccessKey(id), &Method::DELETE) => access_keys::delete(state, id),
        (CxoneResource::AccessKey(id), _) => access_keys::read(state, id),
        (CxoneResource::List(name), _) => Ok(tenant::list(name, request)),
        _ => tenant::business_unit(state),
    }
}

/// The checks before every API request: token and rate limit.
fn authenticate(state: &mut CxoneState, request: &Request) -> Result<(), CxoneError> {
    let header = request.header(AUTHORIZATION.as_str()).unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        _ => return Err(CxoneError::invalid_token()),
    };
    if !state.authenticates(&token) {
        return Err(CxoneError::invalid_token());
    }
    match state.settings.requests_per_minute {
        Some(allowed) => state.record_request(&token, allowed).map_err(CxoneError::too_many_requests),
        None => Ok(()),
    }
}
