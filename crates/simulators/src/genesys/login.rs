//! The login service's token endpoint, `POST /oauth/token`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::client::{CLIENT_CREDENTIALS, ClientState};
use super::error::{GenesysError, LoginError};
use super::state::GenesysState;
use crate::expires_in::ExpiresIn;
use crate::http::{self, Reply, Request};

/// The path of the token endpoint.
pub(super) const PATH: &str = "/oauth/token";

/// The grants of the service that back-end clients may not use.
const GRANTS_OF_USERS: [&str; 4] =
    ["authorization_code", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:saml2-bearer"];

/// Answers a token request.
///
/// # Errors
/// The method is not POST, which the login service rejects in the API's form.
pub(super) fn answer(state: &mut GenesysState, request: &Request) -> Result<Reply, GenesysError> {
    if request.method != Method::POST {
        return Err(GenesysError::method_not_allowed(&["POST"]));
    }
    Ok(grant(state, request).unwrap_or_else(|error| error.reply()))
}

fn grant(state: &mut GenesysState, request: &Request) -> Result<Reply, LoginError> {
    let form = form(request)?;
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let grant_type = field("grant_type").ok_or_else(|| LoginError::new("invalid_request", "grant_type is required"))?;
    if grant_type != "client_credentials" && !GRANTS_OF_USERS.contains(&grant_type) {
        return Err(LoginError::new("unsupported_grant_type", format!("unsupported grant type: {grant_type}")));
    }
    let posted = field("client_id").zip(field("client_secret"));
    let posted = posted.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
    let (id, secret) = basic(request).or(posted).ok_or_else(authentication_failed)?;
    authenticate(state, &id, &secret)?;
    limit(state, &id)?;
    let client = &state.clients.get(&id).ok_or_else(authentication_failed)?.client;
    if grant_type != "client_credentials" || client.grant != CLIENT_CREDENTIALS {
        return Err(LoginError::new("unauthorized_client", "the client is not authorized for this grant type"));
    }
    let lifetime = client.access_token_validity_seconds.unwrap_or(state.settings.token_lifetime);
    let token = state.mint(&id, lifetime);
    Ok(http::token(&token_answer(state, token, lifetime)))
}

fn authenticate(state: &GenesysState, id: &str, secret: &str) -> Result<(), LoginError> {
    let registration = state.clients.get(id).ok_or_else(authentication_failed)?;
    let active = registration.client.state == ClientState::Active;
    if !active || !registration.accepts(secret, state.clock.now()) {
        return Err(authentication_failed());
    }
    Ok(())
}

fn limit(state: &mut GenesysState, id: &str) -> Result<(), LoginError> {
    let Some(allowed) = state.settings.token_requests_per_minute else { return Ok(()) };
    let (count, reset) = state.record_token_request(id);
    if count <= allowed {
        return Ok(());
    }
    let seconds = reset.as_secs().max(1);
    Err(LoginError::new("invalid_request", format!("rate limit exceeded; try again in {seconds} seconds")))
}

fn token_answer(state: &GenesysState, token: String, lifetime: u64) -> Value {
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(token));
    body.insert("token_type".to_owned(), json!(state.settings.token_type));
    // The real service returns the validity minus one.
    let expires_in = lifetime.saturating_sub(1);
    match state.settings.expires_in {
        ExpiresIn::Number => body.insert("expires_in".to_owned(), json!(expires_in)),
        ExpiresIn::Text => body.insert("expires_in".to_owned(), json!(expires_in.to_string())),
        ExpiresIn::Missing => None,
    };
    Value::Object(body)
}

/// The answer for a wrong secret, an unknown client and a disabled client.
fn authentication_failed() -> LoginError {
    LoginError::new("invalid_client", "authentication failed")
}

fn form(request: &Request) -> Result<Vec<(String, String)>, LoginError> {
    let content_type = request.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    if content_type.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Err(LoginError::new("invalid_request", "the body must be application/x-www-form-urlencoded"));
    }
    Ok(url::form_urlencoded::parse(&request.body).into_owned().collect())
}

/// Reads id and secret from a Basic authorization: Base64 of the raw text, without URL-encoding.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
