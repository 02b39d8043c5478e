//! `POST /oauth/token`: the stored token, in the form of the platform's token endpoint.

use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use super::callers::Callers;
use super::keeper::Keeper;
use super::reply::{Reply, json, oauth_refusal, why};

/// The largest form, in bytes.
const LARGEST_FORM: usize = 8 * 1024;
/// `expires_in` of a token whose expiry the document does not name: the caller asks again soon.
const UNKNOWN_LIFE: u64 = 300;

/// Answers a request for a token. `is_known` is set if its credentials are valid.
pub(super) async fn answer(
    request: Request<Incoming>,
    position: usize,
    keeper: &Keeper,
    callers: &Callers,
    is_known: &AtomicBool,
) -> Reply {
    if request.method() != Method::POST {
        return oauth_refusal(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "use POST");
    }
    let is_client = callers.is_client(request.headers());
    let form = match Limited::new(request.into_body(), LARGEST_FORM).collect().await {
        Ok(form) => form.to_bytes(),
        Err(_) => return oauth_refusal(StatusCode::BAD_REQUEST, "invalid_request", "the form cannot be read"),
    };
    if let Err(refusal) = check(&form, is_client, callers) {
        return *refusal;
    }
    is_known.store(true, Ordering::Relaxed);
    match keeper.current().await {
        Ok(held) => {
            callers.hand_out(position, &held.token);
            let expires_in = held.left(keeper.now()).map_or(UNKNOWN_LIFE, |left| left.as_secs());
            let token = held.token.expose_secret();
            json(StatusCode::OK, &json!({"access_token": token, "token_type": "bearer", "expires_in": expires_in}))
        }
        Err(error) => oauth_refusal(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", &why(&error)),
    }
}

/// Checks the form, and the credentials in it if the header has none.
///
/// # Errors
/// The answer. Wrong credentials are 400, and not 401: so does the platform.
fn check(form: &[u8], is_client: bool, callers: &Callers) -> Result<(), Box<Reply>> {
    let field = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(form);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    if !is_client && !callers.is_pair(&field("client_id"), &field("client_secret")) {
        let message = "these are not the client id and secret of this endpoint";
        return Err(oauth_refusal(StatusCode::BAD_REQUEST, "invalid_client", message).into());
    }
    if field("grant_type") != "client_credentials" {
        let message = "grant_type must be client_credentials, in a form";
        return Err(oauth_refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type", message).into());
    }
    Ok(())
}
