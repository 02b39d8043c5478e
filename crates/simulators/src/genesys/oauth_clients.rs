//! The organization's OAuth clients and their secrets.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Bearer;
use super::client::{CLIENT_CREDENTIALS, ClientState, OAuthClient, RoleDivision};
use super::error::GenesysError;
use super::lists;
use super::state::{GenesysState, Registration, secret_text};
use crate::http::{self, Reply, Request};

/// The shortest `accessTokenValiditySeconds` (Platform API, OAuthClientRequest).
const SHORTEST_VALIDITY: u64 = 300;

/// The grants of clients (Platform API, OAuthClientRequest).
const GRANTS: [&str; 5] = ["CODE", "TOKEN", "SAML2-BEARER", "PASSWORD", "CLIENT-CREDENTIALS"];

/// The fields that a caller may set (Platform API, OAuthClientRequest).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientRequest {
    name: String,
    authorized_grant_type: String,
    access_token_validity_seconds: Option<u64>,
    description: Option<String>,
    #[serde(default)]
    registered_redirect_uri: Option<Vec<String>>,
    scope: Option<Vec<String>>,
    role_divisions: Option<Vec<RoleDivision>>,
    /// Not simulated: clients list their roles in `roleDivisions`.
    #[serde(rename = "roleIds")]
    _role_ids: Option<Vec<String>>,
    state: Option<String>,
    date_to_delete: Option<String>,
}

impl ClientRequest {
    fn client_state(&self) -> Result<ClientState, GenesysError> {
        match self.state.as_deref() {
            None | Some("active") => Ok(ClientState::Active),
            Some("disabled") => Ok(ClientState::Disabled),
            Some("inactive") => Ok(ClientState::Inactive),
            Some(_) => Err(bad_state()),
        }
    }
}

/// `GET /api/v2/oauth/clients`.
///
/// # Errors
/// The page's size or number is out of range.
pub(super) fn list(state: &GenesysState, request: &Request) -> Result<Reply, GenesysError> {
    let clients: Vec<_> = state.clients.values().map(|registration| describe(registration, state)).collect();
    lists::page(request, clients.len(), |index| clients[index].clone())
}

/// `GET /api/v2/oauth/clients/{id}`.
///
/// # Errors
/// The client does not exist.
pub(super) fn read(state: &GenesysState, id: &str) -> Result<Reply, GenesysError> {
    Ok(http::json(StatusCode::OK, &describe(find(state, id)?, state)))
}

/// `POST /api/v2/oauth/clients`, one of the two calls that return a secret.
///
/// # Errors
/// The body is not a client, or the caller lacks a role of the client.
pub(super) fn create(state: &mut GenesysState, bearer: &Bearer, body: &Value) -> Result<Reply, GenesysError> {
    check_grant(body)?;
    let requested = read_requested(state, bearer, body)?;
    if requested.authorized_grant_type == CLIENT_CREDENTIALS
        && requested.role_divisions.as_ref().is_none_or(Vec::is_empty)
    {
        let message = "A client of the client credentials grant requires roles.";
        return Err(GenesysError::bad_request("missing.client.roles", message));
    }
    let client = OAuthClient::new(&uuid::Uuid::new_v4().to_string(), &secret_text());
    let id = client.id.clone();
    state.register(client);
    apply(state, &id, requested)?;
    Ok(http::json(StatusCode::OK, &describe_with_secret(find(state, &id)?, state)))
}

/// `PUT /api/v2/oauth/clients/{id}`, which replaces all fields except the secret.
///
/// # Errors
/// The client does not exist, the body is not a client, or the caller lacks a role of the client.
pub(super) fn update(state: &mut GenesysState, bearer: &Bearer, id: &str, body: &Value) -> Result<Reply, GenesysError> {
    check_roles(state, bearer, &find(state, id)?.client.role_divisions)?;
    let requested = read_requested(state, bearer, body)?;
    apply(state, id, requested)?;
    read(state, id)
}

/// `DELETE /api/v2/oauth/clients/{id}`, which also revokes the client's tokens.
///
/// # Errors
/// The client does not exist, or is not inactive.
pub(super) fn delete(state: &mut GenesysState, id: &str) -> Result<Reply, GenesysError> {
    if find(state, id)?.client.state != ClientState::Inactive {
        return Err(GenesysError::bad_request("cannot.delete.client", "The client must be inactive to be deleted."));
    }
    state.clients.remove(id);
    state.revoke_tokens_of(id);
    Ok(http::empty(StatusCode::NO_CONTENT))
}

/// `POST /api/v2/oauth/clients/{id}/secret`, the other call that returns a secret.
///
/// # Errors
/// The client does not exist or is inactive, or the caller lacks a role of the client.
pub(super) fn regenerate_secret(state: &mut GenesysState, bearer: &Bearer, id: &str) -> Result<Reply, GenesysError> {
    let client = &find(state, id)?.client;
    check_roles(state, bearer, &client.role_divisions)?;
    if client.state == ClientState::Inactive {
        return Err(bad_state());
    }
    state.regenerate_secret(id);
    Ok(http::json(StatusCode::OK, &describe_with_secret(find(state, id)?, state)))
}

/// A client in the API's form, without its secret (Platform API, OAuthClient).
pub(super) fn describe(registration: &Registration, state: &GenesysState) -> Value {
    let client = &registration.client;
    let mut body = json!({
        "id": client.id,
        "name": client.name,
        "accessTokenValiditySeconds": client.access_token_validity_seconds.unwrap_or(state.settings.token_lifetime),
        "registeredRedirectUri": registration.redirect_uris,
        "dateCreated": format!("{:.3}", registration.created),
        "dateModified": format!("{:.3}", registration.modified),
        "authorizedGrantType": client.grant,
        "scope": client.scope,
        "roleDivisions": client.role_divisions,
        "state": client.state,
        "selfUri": format!("/api/v2/oauth/clients/{}", client.id),
    });
    if let Some(description) = &registration.description {
        body["description"] = json!(description);
    }
    if let Some(date) = &client.date_to_delete {
        body["dateToDelete"] = json!(date);
    }
    body
}

/// A client in the form of `tokens/me` (Platform API, OrgOAuthClient).
pub(super) fn describe_in_organization(registration: &Registration, organization: &Value) -> Value {
    let client = &registration.client;
    let mut body = json!({
        "id": client.id,
        "name": client.name,
        "dateCreated": format!("{:.3}", registration.created),
        "dateModified": format!("{:.3}", registration.modified),
        "authorizedGrantType": client.grant,
        "scope": client.scope,
        "roleDivisions": client.role_divisions,
        "state": client.state,
        "organization": organization,
    });
    if let Some(date) = &client.date_to_delete {
        body["dateToDelete"] = json!(date);
    }
    body
}

fn describe_with_secret(registration: &Registration, state: &GenesysState) -> Value {
    let mut body = describe(registration, state);
    body["secret"] = json!(registration.client.secret);
    body
}

fn find<'state>(state: &'state GenesysState, id: &str) -> Result<&'state Registration, GenesysError> {
    let missing = || {
        GenesysError::new(StatusCode::NOT_FOUND, "client.not.found", "Unable to find a client with id {clientId}.")
            .with("clientId", id)
    };
    state.clients.get(id).ok_or_else(missing)
}

/// The errors of `POST /api/v2/oauth/clients` for its grant.
fn check_grant(body: &Value) -> Result<(), GenesysError> {
    match body.get("authorizedGrantType") {
        None | Some(Value::Null) if body.is_object() => {
            Err(GenesysError::bad_request("grant.type.required", "The authorized grant type is required."))
        }
        Some(Value::String(grant)) if !GRANTS.contains(&grant.as_str()) => {
            Err(GenesysError::bad_request("bad.grant.type", "The authorized grant type is not valid."))
        }
        _ => Ok(()),
    }
}

fn read_requested(state: &GenesysState, bearer: &Bearer, body: &Value) -> Result<ClientRequest, GenesysError> {
    let requested = ClientRequest::deserialize(body).map_err(|error| GenesysError::malformed(error.to_string()))?;
    if !GRANTS.contains(&requested.authorized_grant_type.as_str()) {
        return Err(invalid_value(&requested.authorized_grant_type, "authorizedGrantType", GRANTS.join(", ")));
    }
    let longest = state.settings.longest_validity;
    if let Some(seconds) = requested.access_token_validity_seconds
        && !(SHORTEST_VALIDITY..=longest).contains(&seconds)
    {
        let allowed = format!("{SHORTEST_VALIDITY} to {longest}");
        return Err(invalid_value(&seconds.to_string(), "accessTokenValiditySeconds", allowed));
    }
    requested.client_state()?;
    check_roles(state, bearer, requested.role_divisions.as_deref().unwrap_or_default())?;
    Ok(requested)
}

fn apply(state: &mut GenesysState, id: &str, requested: ClientRequest) -> Result<(), GenesysError> {
    let date = state.clock.date(state.clock.now());
    let client_state = requested.client_state()?;
    let Some(registration) = state.clients.get_mut(id) else { return Err(GenesysError::not_found()) };
    registration.modified = date;
    registration.description = requested.description;
    registration.redirect_uris = requested.registered_redirect_uri.unwrap_or_default();
    let client = &mut registration.client;
    client.name = requested.name;
    client.grant = requested.authorized_grant_type;
    client.access_token_validity_seconds = requested.access_token_validity_seconds;
    client.scope = requested.scope.unwrap_or_default();
    client.role_divisions = requested.role_divisions.unwrap_or_default();
    client.state = client_state;
    client.date_to_delete = requested.date_to_delete;
    // They stay revoked if the client becomes active again.
    let ends_tokens = match client_state {
        ClientState::Active => false,
        ClientState::Disabled => state.settings.disabling_revokes_tokens,
        ClientState::Inactive => state.settings.inactivating_revokes_tokens,
    };
    if ends_tokens {
        state.revoke_tokens_of(id);
    }
    Ok(())
}

/// Checks that the caller holds all roles that it grants, or that a new secret would give it.
fn check_roles(state: &GenesysState, bearer: &Bearer, roles: &[RoleDivision]) -> Result<(), GenesysError> {
    let held = &find(state, &bearer.client_id)?.client.role_divisions;
    if roles.iter().all(|role| held.iter().any(|held| held.role_id == role.role_id)) {
        return Ok(());
    }
    let message = "The caller does not have all the roles assigned to this client.";
    Err(GenesysError::bad_request("bad.client.role", message))
}

fn bad_state() -> GenesysError {
    GenesysError::bad_request("bad.client.state", "The client's state does not allow the request.")
}

fn invalid_value(value: &str, field: &'static str, allowed: String) -> GenesysError {
    let message = "Value [{value}] is not valid for field type [{field}]. Allowable values are: {allowed}";
    GenesysError::bad_request("invalid.value", message)
        .with("value", value)
        .with("field", field)
        .with("allowed", allowed)
}
