//! Creates and deletes a user's access keys (NICE developer portal, "Access Key Management API").

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::Cxone;
use super::errors::diagnose;
use crate::platform::http::{CreationFailure, PlatformResponse, send, send_creating};
use crate::platform::token_response::is_storable;
use crate::rotation::{CxonePlace, ErrorKind, KeyOwner, KeyPair, LATE, Result, Retryability, RotationError};
use crate::secret::{ExposeSecret, SecretString};

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyList {
    access_keys: Vec<ListedKey>,
    total_records: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedKey {
    access_key_id: String,
    user_id: String,
    /// Missing for a key that was never used.
    last_used_date: Option<serde_json::Value>,
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
        let response = self.answer(self.manage(place, Method::GET, &key_path(id), token).await?, what).await?;
        if response.status == StatusCode::NOT_FOUND {
            let message = format!("the access key {id} does not exist, or the caller may not manage it");
            return Err(response.error(ErrorKind::DocumentInvalid, message).with_hint(ROLE_HINT));
        }
        match response.status {
            StatusCode::OK => Ok(response.json::<ResultSet<KeyOwner>>(what)?.result_set),
            _ => Err(key_error(&response, what)),
        }
    }

    /// Creates another key for a user. If the answer is lost, deletes the key whose secret is lost with it, so that the
    /// caller can try again.
    pub(in crate::platform) async fn create_access_key(
        &self,
        place: &CxonePlace,
        owner: &KeyOwner,
        token: &SecretString,
    ) -> Result<KeyPair> {
        let before = match self.keys_of(place, owner, token).await {
            Err(error) if error.retryability() == Retryability::Transient => return Err(error),
            listed => listed,
        };
        let what = "creating an access key";
        let body = json!({ "userId": owner.user_id, "tenantId": owner.tenant_id }).to_string();
        let request = self.manage(place, Method::POST, ACCESS_KEYS, token).await?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let created = send_creating(request, |response| match response.status {
            StatusCode::OK | StatusCode::CREATED => new_key(response, what),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT if response.is_json() => {
                Err(creation_rejected(response, owner))
            }
            _ => Err(key_error(response, what)),
        });
        let no_longer_created = Instant::now() + LATE;
        match created.await {
            Ok(key) if !is_storable(&key.id) || !is_storable(key.secret.expose_secret()) => {
                self.delete_access_key(place, &key.id, token).await?;
                let message = format!("{what} returned a key with leading or trailing whitespace; it was deleted");
                Err(RotationError::new(ErrorKind::PlatformUnavailable, message))
            }
            Ok(key) => Ok(key),
            Err(CreationFailure::NotCreated(error)) => Err(error),
            Err(CreationFailure::AnswerLost(error)) => {
                Err(self.delete_lost_key(place, owner, token, (before, no_longer_created), error).await)
            }
        }
    }

    /// Deletes the key that a lost answer created, once the request is no longer carried out: the only one that was not
    /// listed `before`, and was never used. Returns `lost` if no such key remains, and otherwise a permanent error.
    async fn delete_lost_key(
        &self,
        place: &CxonePlace,
        owner: &KeyOwner,
        token: &SecretString,
        (before, no_longer_created): (Result<Vec<ListedKey>>, Instant),
        lost: RotationError,
    ) -> RotationError {
        let unknown = async {
            let before = before?;
            sleep_until(no_longer_created).await;
            let now = self.keys_of(place, owner, token).await?;
            let is_new = |key: &ListedKey| before.iter().all(|known| known.access_key_id != key.access_key_id);
            let ids = now.into_iter().filter(|key| is_new(key) && key.last_used_date.is_none());
            Ok::<Vec<_>, RotationError>(ids.map(|key| key.access_key_id).collect())
        };
        let (id, why) = match unknown.await.as_deref() {
            Ok([]) => return lost,
            Ok([id]) => match self.delete_access_key(place, id, token).await {
                Ok(()) => {
                    tracing::warn!(
                        access_key.id = id,
                        "an access key was deleted: its secret was lost with the answer"
                    );
                    return lost;
                }
                Err(error) => (id.clone(), error.to_string()),
            },
            Ok(several) => (several.join(", "), "several keys are new".to_owned()),
            Err(error) => ("its id is unknown".to_owned(), error.to_string()),
        };
        let message = format!("CXone may have created an access key whose secret is lost ({id}): {lost}; {why}");
        RotationError::new(lost.kind(), message).with_hint(unused_keys_hint(owner)).permanent()
    }

    /// Returns all keys of a user.
    ///
    /// # Errors
    /// A permanent error for a response that does not contain all of them.
    async fn keys_of(&self, place: &CxonePlace, owner: &KeyOwner, token: &SecretString) -> Result<Vec<ListedKey>> {
        let what = "listing the access keys";
        let path = keys_path(owner);
        let response = self.answer(self.manage(place, Method::GET, &path, token).await?, what).await?;
        if response.status != StatusCode::OK {
            return Err(key_error(&response, what));
        }
        let list: KeyList = response.json(what)?;
        if list.total_records.is_some_and(|total| total > list.access_keys.len() as u64) {
            let message = format!("{what} returned only a part of them");
            return Err(response.error(ErrorKind::PlatformUnavailable, message).permanent());
        }
        // A server that ignores the parameter returns the keys of all users.
        Ok(list.access_keys.into_iter().filter(|key| key.user_id == owner.user_id).collect())
    }

    /// Deletes a key. A key that does not exist counts as deleted.
    pub(in crate::platform) async fn delete_access_key(
        &self,
        place: &CxonePlace,
        id: &str,
        token: &SecretString,
    ) -> Result<()> {
        let what = "deleting an access key";
        let response = self.answer(self.manage(place, Method::DELETE, &key_path(id), token).await?, what).await?;
        match response.status {
            StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() && !response.is_web_page() => Ok(()),
            _ => Err(key_error(&response, what)),
        }
    }

    /// Creates a request to the management of access keys.
    async fn manage(
        &self,
        place: &CxonePlace,
        method: Method,
        path: &str,
        token: &SecretString,
    ) -> Result<RequestBuilder> {
        let api = self.api_url(place, token).await?;
        self.call(&api, method, path, token)
    }

    async fn answer(&self, request: RequestBuilder, what: &str) -> Result<PlatformResponse> {
        let response = send(request).await?;
        match response.status {
            StatusCode::NOT_FOUND if !response.is_json() => Err(diagnose(&response, what)),
            _ => Ok(response),
        }
    }
}

/// Ids end in characters that a path must encode.
fn encoded(id: &str) -> String {
    byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
}

fn key_path(id: &str) -> String {
    format!("{ACCESS_KEYS}/{}", encoded(id))
}

fn keys_path(owner: &KeyOwner) -> String {
    format!("{ACCESS_KEYS}?userId={}", encoded(&owner.user_id))
}

fn new_key(response: &PlatformResponse, what: &str) -> Result<KeyPair> {
    let key = response.json::<ResultSet<NewKey>>(what)?.result_set;
    if key.access_key_id.is_empty() || key.access_key_secret.is_empty() {
        return Err(response.error(ErrorKind::PlatformUnavailable, format!("{what} returned no key")));
    }
    Ok(KeyPair { id: key.access_key_id, secret: SecretString::from(key.access_key_secret.as_str()) })
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
    response
        .error(ErrorKind::DocumentInvalid, message)
        .with_hint(format!("the number of keys per user is limited; {}", unused_keys_hint(owner)))
}

fn unused_keys_hint(owner: &KeyOwner) -> String {
    let path = keys_path(owner);
    format!(
        "list the user's keys with `genesys-rotator api SECRET GET '{path}'`, and delete the unused ones; a key without lastUsedDate that no document holds may come from a lost response"
    )
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn response(status: u16, body: &str) -> PlatformResponse {
        let status = StatusCode::from_u16(status).expect("a status");
        PlatformResponse { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec().into() }
    }

    #[test]
    fn only_a_missing_permission_has_the_hint_about_roles() {
        for (status, is_hinted) in [(403, true), (401, false), (503, false)] {
            let error = key_error(&response(status, "{}"), "deleting an access key");
            assert_eq!(error.hint() == ROLE_HINT, is_hinted, "{status}: {}", error.hint());
        }
    }

    #[test]
    fn a_new_key_has_an_id_and_a_secret() {
        for (id, secret, is_key) in [("a", "b", true), ("", "b", false), ("a", "", false)] {
            let body = json!({"resultSet": {"accessKeyId": id, "accessKeySecret": secret}}).to_string();
            assert_eq!(new_key(&response(200, &body), "creating an access key").is_ok(), is_key, "{body}");
        }
    }
}
