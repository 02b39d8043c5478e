//! Creates and deletes a user's access keys (NICE developer portal, "Access Key Management API").

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::Cxone;
use super::errors::diagnose;
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{CxonePlace, ErrorKind, KeyOwner, KeyPair, Result, RotationError};
use crate::secret::SecretString;

const ACCESS_KEYS: &str = "/access-key-management/v1/access-keys";
const ROLE_HINT: &str = "grant the user's role the permission My Access Key (view, create, delete), or set admin_credentials to the secret of a user with the permission Access Key, which covers the keys of other users (CXone: Admin > Security > Roles and Permissions)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultSet<T> {
    result_set: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    access_key_id: String,
    /// Only this response contains it.
    access_key_secret: Zeroizing<String>,
}

impl Cxone {
    /// Returns the owner of a key.
    pub(in crate::platform) async fn key_owner(
        &self,
        place: &CxonePlace,
        id: &str,
        token: &SecretString,
    ) -> Result<KeyOwner> {
        let what = "reading the access key";
        let response = self.manage(place, Method::GET, Some(id), None, what, token).await?;
        if response.status == StatusCode::NOT_FOUND {
            let message = format!("the access key {id} does not exist, or the caller may not manage it");
            return Err(response.error(ErrorKind::DocumentInvalid, message).with_hint(ROLE_HINT));
        }
        match response.status {
            StatusCode::OK => Ok(response.json::<ResultSet<KeyOwner>>(what)?.result_set),
            _ => Err(key_error(&response, what)),
        }
    }

    /// Creates another key for a user.
    pub(in crate::platform) async fn create_access_key(
        &self,
        place: &CxonePlace,
        owner: &KeyOwner,
        token: &SecretString,
    ) -> Result<KeyPair> {
        let what = "creating an access key";
        let body = json!({ "userId": owner.user_id, "tenantId": owner.tenant_id }).to_string();
        let response = self.manage(place, Method::POST, None, Some(body), what, token).await?;
        match response.status {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT if response.is_json() => {
                return Err(creation_rejected(&response, owner));
            }
            _ => return Err(key_error(&response, what)),
        }
        let key = response.json::<ResultSet<NewKey>>(what)?.result_set;
        if key.access_key_id.is_empty() || key.access_key_secret.is_empty() {
            return Err(response.error(ErrorKind::PlatformUnavailable, format!("{what} returned no key")));
        }
        Ok(KeyPair { id: key.access_key_id, secret: SecretString::from(key.access_key_secret.as_str()) })
    }

    /// Deletes a key. A key that does not exist counts as deleted.
    pub(in crate::platform) async fn delete_access_key(
        &self,
        place: &CxonePlace,
        id: &str,
        token: &SecretString,
    ) -> Result<()> {
        let what = "deleting an access key";
        let response = self.manage(place, Method::DELETE, Some(id), None, what, token).await?;
        match response.status {
            StatusCode::NOT_FOUND if response.is_json() => Ok(()),
            status if status.is_success() && !response.is_web_page() => Ok(()),
            _ => Err(key_error(&response, what)),
        }
    }

    async fn manage(
        &self,
        place: &CxonePlace,
        method: Method,
        id: Option<&str>,
        body: Option<String>,
        what: &str,
        token: &SecretString,
    ) -> Result<PlatformResponse> {
        let api = self.api_url(place, token).await?;
        // Ids end in characters that a path must encode.
        let id = id.map(|id| byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20"));
        let path = id.map_or_else(|| ACCESS_KEYS.to_owned(), |id| format!("{ACCESS_KEYS}/{id}"));
        let mut request = self.call(&api, method, &path, token)?;
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = send(request).await?;
        match response.status {
            StatusCode::NOT_FOUND if !response.is_json() => Err(diagnose(&response, what)),
            _ => Ok(response),
        }
    }
}

fn key_error(response: &PlatformResponse, what: &str) -> RotationError {
    match diagnose(response, what) {
        error if error.kind() == ErrorKind::PermissionMissing => error.with_hint(ROLE_HINT),
        error => error,
    }
}

/// Neither the error code nor the maximum number of keys is documented.
fn creation_rejected(response: &PlatformResponse, owner: &KeyOwner) -> RotationError {
    let message = format!(
        "CXone does not create another access key for the user {} ({})",
        owner.user_id,
        response.status_and_code()
    );
    response.error(ErrorKind::DocumentInvalid, message).with_hint(format!(
        "the number of keys per user is limited: list them with `genesys-rotator api SECRET GET '{ACCESS_KEYS}?userId={}'`, and delete the unused ones; a key without lastUsedDate may come from a lost response",
        owner.user_id
    ))
}
