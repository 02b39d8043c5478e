//! The three token requests: of back-end applications, UserHub and older applications.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::error::CxoneError;
use super::jwt;
use super::state::{AccessKey, CxoneState};
use crate::expires_in::ExpiresIn;
use crate::http::{self, Reply, Request};

type Form = Vec<(String, String)>;

/// `POST /auth/token`: the application in a Basic authorization, the user's access key in the form.
///
/// # Errors
/// The form or the grant is not valid, or the application or the key is not.
pub(super) fn back_end(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let form = form(request)?;
    let (id, secret) =
        basic(request).ok_or_else(|| CxoneError::invalid_client(state.settings.client_refusal_status))?;
    authenticate(state, &id, &secret)?;
    match field(&form, "grant_type") {
        Some("password") => {}
        None => return Err(CxoneError::bad_request("invalid_request", "grant_type is required")),
        Some(_) => return Err(CxoneError::bad_request("unsupported_grant_type", "This grant type is not supported.")),
    }
    check_grant(state, &id, "password")?;
    let (Some(username), Some(password)) = (field(&form, "username"), field(&form, "password")) else {
        return Err(CxoneError::bad_request("invalid_request", "username and password are required"));
    };
    let key = access_key(state, username, password).ok_or_else(CxoneError::invalid_grant)?;
    state.record_token_request(&id).map_err(CxoneError::too_many_requests)?;
    let mut answer = token_answer(state, Some(&key), true);
    if state.settings.id_tokens {
        answer["id_token"] = json!(state.id_token(Some(&key)));
    }
    Ok(http::token(&answer))
}

/// `POST /authentication/v1/token/access-key`: an access key in JSON.
///
/// # Errors
/// The body is not JSON, or the key is not valid.
pub(super) fn user_hub(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    if content_type(request) != "application/json" {
        return Err(CxoneError::bad_request("invalid_request", "The body must be application/json."));
    }
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| CxoneError::bad_request("invalid_request", "The body is not JSON."))?;
    let (Some(id), Some(secret)) = (body["accessKeyId"].as_str(), body["accessKeySecret"].as_str()) else {
        return Err(CxoneError::bad_request("invalid_request", "accessKeyId and accessKeySecret are required."));
    };
    let refused = || CxoneError::new(StatusCode::UNAUTHORIZED, "invalid_grant", "The access key is not valid.");
    let key = access_key(state, id, secret).ok_or_else(refused)?;
    state.record_token_request(id).map_err(CxoneError::too_many_requests)?;
    Ok(http::token(&token_answer(state, Some(&key), true)))
}

/// `POST /oauth/token`: an older application, with all fields in the form.
///
/// # Errors
/// The form or the grant is not valid, or the application is not.
pub(super) fn older(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let form = form(request)?;
    if field(&form, "grant_type") != Some("client_credentials") {
        return Err(CxoneError::bad_request("unsupported_grant_type", "This grant type is not supported."));
    }
    let id = field(&form, "client_id").unwrap_or_default().to_owned();
    authenticate(state, &id, field(&form, "client_secret").unwrap_or_default())?;
    check_grant(state, &id, "client_credentials")?;
    state.record_token_request(&id).map_err(CxoneError::too_many_requests)?;
    Ok(http::token(&token_answer(state, None, false)))
}

/// Returns the client id in a request's form, or in a JSON body, which the service rejects.
pub(super) fn named_client(request: &Request) -> Option<String> {
    let json: Option<Value> = serde_json::from_slice(&request.body).ok();
    let named = json.and_then(|body| body.get("client_id")?.as_str().map(str::to_owned));
    named.or_else(|| field(&parse(&request.body), "client_id").map(str::to_owned))
}

fn authenticate(state: &CxoneState, id: &str, secret: &str) -> Result<(), CxoneError> {
    match state.clients.get(id) {
        Some(client) if client.secret == secret => Ok(()),
        _ => Err(CxoneError::invalid_client(state.settings.client_refusal_status)),
    }
}

fn check_grant(state: &CxoneState, id: &str, grant: &str) -> Result<(), CxoneError> {
    let may = state.clients.get(id).is_some_and(|client| client.grants.iter().any(|held| held == grant));
    if may { Ok(()) } else { Err(CxoneError::unauthorized_client()) }
}

fn access_key(state: &CxoneState, id: &str, secret: &str) -> Option<AccessKey> {
    state.access_keys.get(id).filter(|key| key.is_active && key.secret == secret).cloned()
}

fn token_answer(state: &mut CxoneState, key: Option<&AccessKey>, refreshable: bool) -> Value {
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(state.mint(key)));
    body.insert("token_type".to_owned(), json!(state.settings.token_type));
    if refreshable {
        body.insert("refresh_token".to_owned(), json!(jwt::random(64)));
    }
    let lifetime = state.settings.token_lifetime;
    match state.settings.expires_in {
        ExpiresIn::Number => body.insert("expires_in".to_owned(), json!(lifetime)),
        ExpiresIn::Text => body.insert("expires_in".to_owned(), json!(lifetime.to_string())),
        ExpiresIn::Missing => None,
    };
    Value::Object(body)
}

fn form(request: &Request) -> Result<Form, CxoneError> {
    if content_type(request) != "application/x-www-form-urlencoded" {
        return Err(CxoneError::bad_request("invalid_request", "The body must be application/x-www-form-urlencoded."));
    }
    // Access keys end in ====. A caller that does not encode them gets an error.
    let pairs = request.body.split(|byte| *byte == b'&');
    if pairs.into_iter().any(|pair| pair.iter().filter(|byte| **byte == b'=').count() != 1) {
        return Err(CxoneError::bad_request("invalid_request", "A field of the form is not URL-encoded."));
    }
    Ok(parse(&request.body))
}

fn parse(body: &[u8]) -> Form {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn field<'form>(form: &'form Form, name: &str) -> Option<&'form str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(super) fn content_type(request: &Request) -> String {
    let header = request.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    header.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Reads id and secret from a Basic authorization.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
