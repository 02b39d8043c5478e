//! Making and deleting a user's access keys (NICE developer portal, "Access Key Management API").

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::Cxone;
use super::refusal::diagnose;
use crate::platform::http::{Answer, send};
use crate::rotation::{CxonePlace, ErrorKind, KeyOwner, KeyPair, Result, RotationError};
use crate::secret::SecretString;

const ACCESS_KEYS: &str = "/access-key-management/v1/access-keys";
const ROLE_HINT: &str = "give the user's role the permission My Access Key (view, create, delete), or name as admin_credentials the secret of a user with Access Key, which manages those of others (CXone: Admin > Security > Roles and Permissions)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultSet<T> {
    result_set: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    access_key_id: String,
    /// Shown this once.
    access_key_secret: Zeroizing<String>,
}

impl Cxone {
    /// Whose a key is.
    pub(in crate::platform) async fn key_owner(
        &self,
        place: &CxonePlace,
        id: &str,
        token: &SecretString,
    ) -> Result<KeyOwner> {
        let what = "looking whose the access key is";
        let answer = self.manage(place, Method::GET, Some(id), None, what, token).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let message = format!("the access key {id} is none of those that may be managed");
            return Err(answer.error(ErrorKind::DocumentInvalid, message).with_hint(ROLE_HINT));
        }
        match answer.status {
            StatusCode::OK => Ok(answer.json::<ResultSet<KeyOwner>>(what)?.result_set),
            _ => Err(refusal(&answer, what)),
        }
    }

    /// Another key of a user.
    pub(in crate::platform) async fn create_access_key(
        &self,
        place: &CxonePlace,
        owner: &KeyOwner,
        token: &SecretString,
    ) -> Result<KeyPair> {
        let what = "making an access key";
        let body = json!({ "userId": owner.user_id, "tenantId": owner.tenant_id }).to_string();
        let answer = self.manage(place, Method::POST, None, Some(body), what, token).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT if answer.is_json() => return Err(no_more(&answer, owner)),
            _ => return Err(refusal(&answer, what)),
        }
        let key = answer.json::<ResultSet<NewKey>>(what)?.result_set;
        if key.access_key_id.is_empty() || key.access_key_secret.is_empty() {
            return Err(answer.error(ErrorKind::PlatformUnavailable, format!("{what} gave none")));
        }
        Ok(KeyPair { id: key.access_key_id, secret: SecretString::from(key.access_key_secret.as_str()) })
    }

    /// Deletes a key. One that is not there any more counts as deleted.
    pub(in crate::platform) async fn delete_access_key(
        &self,
        place: &CxonePlace,
        id: &str,
        token: &SecretString,
    ) -> Result<()> {
        let what = "deleting an access key";
        let answer = self.manage(place, Method::DELETE, Some(id), None, what, token).await?;
        match answer.status {
            StatusCode::NOT_FOUND if answer.is_json() => Ok(()),
            status if status.is_success() && !answer.is_page() => Ok(()),
            _ => Err(refusal(&answer, what)),
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
    ) -> Result<Answer> {
        let api = self.api_url(place, token).await?;
        // Ids end in signs that stand for themselves in no path.
        let id = id.map(|id| byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20"));
        let path = id.map_or_else(|| ACCESS_KEYS.to_owned(), |id| format!("{ACCESS_KEYS}/{id}"));
        let mut request = self.call(&api, method, &path, token)?;
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = send(request).await?;
        match answer.status {
            StatusCode::NOT_FOUND if !answer.is_json() => Err(diagnose(&answer, what)),
            _ => Ok(answer),
        }
    }
}

fn refusal(answer: &Answer, what: &str) -> RotationError {
    match diagnose(answer, what) {
        error if error.kind() == ErrorKind::PermissionMissing => error.with_hint(ROLE_HINT),
        error => error,
    }
}

/// The platform's word for it is not known; how many there may be is not documented either.
fn no_more(answer: &Answer, owner: &KeyOwner) -> RotationError {
    let message = format!("CXone gives the user {} no further access key ({})", owner.user_id, answer.said());
    answer.error(ErrorKind::DocumentInvalid, message).with_hint(format!(
        "a user may hold only so many: see them with `genesys-rotator api SECRET GET '{ACCESS_KEYS}?userId={}'`, and delete those that nobody uses; one without a lastUsedDate may be one whose answer was lost",
        owner.user_id
    ))
}
