//! The checks before every API request: token, rate limit and permissions.

use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName};

use super::client::OAuthClient;
use super::error::GenesysError;
use super::permissions::Permissions;
use super::routes::GenesysResource;
use super::state::GenesysState;
use crate::http::{Reply, Request};

/// The authenticated token of a request.
pub(super) struct Bearer {
    pub token: String,
    pub client_id: String,
}

/// The state of a token's rate limit, for the headers of each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    count: u32,
    allowed: u32,
    reset: u64,
}

impl Rate {
    /// Adds the headers of the rate limit to an answer.
    pub fn describe(self, reply: &mut Reply) {
        let fields = [
            ("inin-ratelimit-count", u64::from(self.count)),
            ("inin-ratelimit-allowed", u64::from(self.allowed)),
            ("inin-ratelimit-reset", self.reset),
        ];
        for (name, value) in fields {
            reply.headers_mut().insert(HeaderName::from_static(name), value.into());
        }
    }

    /// Checks that this request is within the limit.
    ///
    /// # Errors
    /// The limit is exceeded.
    pub fn check(self) -> Result<(), GenesysError> {
        if self.count <= self.allowed { Ok(()) } else { Err(GenesysError::too_many_requests(self.allowed, self.reset)) }
    }
}

/// Authenticates a request.
///
/// # Errors
/// The bearer token is missing or not valid, or the caller's address is not allowed.
pub(super) fn authenticate(state: &GenesysState, request: &Request) -> Result<Bearer, GenesysError> {
    let header = request.header(AUTHORIZATION.as_str()).ok_or_else(GenesysError::authentication_required)?;
    let text = match header.split_once(' ') {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") && !text.trim().is_empty() => text.trim(),
        _ => return Err(GenesysError::authentication_required()),
    };
    let token =
        state.token(text).ok_or_else(|| match state.settings.ended_tokens_expire && state.was_issued(text) {
            true => GenesysError::credentials_expired(),
            false => GenesysError::bad_credentials(),
        })?;
    if state.settings.ip_not_authorized {
        return Err(GenesysError::ip_not_authorized());
    }
    Ok(Bearer { token: text.to_owned(), client_id: token.client_id.clone() })
}

/// Counts a request of a token; `None` without a limit.
pub(super) fn count(state: &mut GenesysState, bearer: &Bearer) -> Option<Rate> {
    let allowed = state.settings.requests_per_minute?;
    let (count, reset) = state.record_request(&bearer.token);
    // Rounded up, so that a caller that waits this long is never early.
    let reset = reset.as_secs() + u64::from(reset.subsec_nanos() > 0);
    Some(Rate { count, allowed, reset })
}

/// Checks that a client may call a method of a resource. Scopes restrict only clients that act as a user.
///
/// # Errors
/// A permission is missing.
pub(super) fn authorize(
    client: &OAuthClient,
    resource: GenesysResource<'_>,
    method: &Method,
) -> Result<(), GenesysError> {
    let held = |permission: &&str| match &client.permissions {
        None => true,
        Some(permissions) => permissions.iter().any(|held| held == permission),
    };
    match resource.permissions(method) {
        Permissions::All(needed) => {
            let missing: Vec<_> = needed.iter().filter(|permission| !held(permission)).copied().collect();
            if !missing.is_empty() {
                return Err(GenesysError::missing_permissions(&missing));
            }
        }
        Permissions::Any(needed) if !needed.iter().any(held) => {
            return Err(GenesysError::missing_any_permissions(needed));
        }
        Permissions::Any(_) | Permissions::None => {}
    }
    Ok(())
}
