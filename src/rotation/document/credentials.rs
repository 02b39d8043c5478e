//! Reading the client credentials, and where they are good, out of a document.

use super::fields::{Document, invalid};
use crate::rotation::credentials::keys::{Credentials, CxoneGrant, KeyPair};
use crate::rotation::credentials::place::{CxoneLogin, CxonePlace, Place};
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::error::{Result, RotationError};
use crate::secret::ExposeSecret;

const REGION: [&str; 3] = ["region", "GENESYSCLOUD_REGION", "GENESYS_CLOUD_REGION"];
/// Names the secret that holds the keys instead.
pub(crate) const CREDENTIALS: &str = "credentials";
const TENANT_ID: [&str; 2] = ["tenant_id", "tenantId"];
pub(crate) const CLIENT: Pair = Pair {
    what: "client",
    id: &["client_id", "clientId", "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLOUD_CLIENT_ID"],
    secret: &["client_secret", "clientSecret", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLOUD_CLIENT_SECRET"],
};
pub(crate) const ACCESS_KEY: Pair = Pair {
    what: "access key",
    id: &["access_key_id", "accessKeyId"],
    secret: &["access_key_secret", "accessKeySecret"],
};
const CXONE_FORMS: &str = "a CXone document holds issuer, client_id, client_secret, access_key_id and access_key_secret; or area, access_key_id and access_key_secret; or, for an older application, realm, client_id and client_secret";

/// The names of the two fields of a key.
pub(crate) struct Pair {
    what: &'static str,
    pub(crate) id: &'static [&'static str],
    pub(crate) secret: &'static [&'static str],
}

/// Where the client credentials are.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// In this document.
    Inline(Keys),
    /// In another secret of the same store, by its name or ARN.
    Elsewhere(String),
}

/// The keys that a document holds.
#[derive(Clone, Debug)]
pub enum Keys {
    /// An OAuth client, or an application.
    Client(KeyPair),
    /// A user's access key.
    AccessKey(KeyPair),
    /// An application, and a user's access key.
    ClientAndAccessKey {
        /// The application.
        client: KeyPair,
        /// The access key.
        access_key: KeyPair,
    },
}

/// What a document says of the place, which another document may complete.
pub(crate) enum PlaceFields {
    GenesysCloud { region: Option<String> },
    Cxone { login: Option<CxoneLogin>, tenant_id: Option<String> },
}

impl Document {
    /// Where the client credentials are.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) where they are missing, incomplete, ambiguous,
    /// or have blanks around them.
    pub fn credential_source(&self) -> Result<CredentialSource> {
        let platform = PlatformName::parse(&self.platform()?)?;
        // A place that cannot be read is found out before anything is asked for.
        self.place_fields(platform)?;
        self.credential_source_on(platform)
    }

    /// The credentials that are in this document itself.
    ///
    /// # Errors
    /// `DocumentInvalid` where they are elsewhere or nowhere, or do not go with the place that is named.
    pub fn credentials(&self) -> Result<Credentials> {
        let platform = PlatformName::parse(&self.platform()?)?;
        let fields = self.place_fields(platform)?;
        match self.credential_source_on(platform)? {
            CredentialSource::Inline(keys) => fields.with_keys(keys, "the secret"),
            CredentialSource::Elsewhere(_) => Err(invalid("the credentials are in another secret")),
        }
    }

    /// Where the token is good; an empty region where none is named.
    ///
    /// # Errors
    /// `DocumentInvalid` where the fields cannot be read, or a CXone document names no place.
    pub fn place(&self) -> Result<Place> {
        match self.place_fields(PlatformName::parse(&self.platform()?)?)? {
            PlaceFields::GenesysCloud { region } => Ok(Place::GenesysCloud { region: region.unwrap_or_default() }),
            PlaceFields::Cxone { login: Some(login), tenant_id } => Ok(Place::Cxone(CxonePlace { login, tenant_id })),
            PlaceFields::Cxone { login: None, .. } => Err(cxone("the secret names no issuer, area or realm")),
        }
    }

    /// The same for a platform that another document may have named.
    pub(crate) fn credential_source_on(&self, platform: PlatformName) -> Result<CredentialSource> {
        let keys = match platform {
            PlatformName::GenesysCloud => self.pair(&CLIENT)?.map(Keys::Client),
            PlatformName::Cxone => match (self.pair(&CLIENT)?, self.pair(&ACCESS_KEY)?) {
                (Some(client), Some(access_key)) => Some(Keys::ClientAndAccessKey { client, access_key }),
                (Some(client), None) => Some(Keys::Client(client)),
                (None, Some(access_key)) => Some(Keys::AccessKey(access_key)),
                (None, None) => None,
            },
        };
        match (keys, self.trimmed(CREDENTIALS)?) {
            (Some(keys), None) => Ok(CredentialSource::Inline(keys)),
            (None, Some(name)) if is_name(&name) => Ok(CredentialSource::Elsewhere(name)),
            (None, Some(_)) => Err(invalid("credentials holds what is no secret's name or ARN").with_hint(
                "credentials names the secret that holds client_id and client_secret; it does not hold them",
            )),
            (None, None) => {
                let error = invalid("the secret holds no client credentials");
                Err(if platform == PlatformName::Cxone { error.with_hint(CXONE_FORMS) } else { error })
            }
            (Some(_), Some(_)) => Err(both_places()),
        }
    }

    /// What this document says of the place.
    pub(crate) fn place_fields(&self, platform: PlatformName) -> Result<PlaceFields> {
        if platform == PlatformName::GenesysCloud {
            return Ok(PlaceFields::GenesysCloud { region: self.alias(&REGION)? });
        }
        let logins = [
            self.trimmed("issuer")?.map(CxoneLogin::Issuer),
            self.trimmed("area")?.map(CxoneLogin::Area),
            self.trimmed("realm")?.map(CxoneLogin::Realm),
        ];
        let mut named = logins.into_iter().flatten();
        let login = named.next();
        if let (Some(first), Some(second)) = (&login, named.next()) {
            return Err(cxone(format!("the fields {} and {} name two places", first.field(), second.field())));
        }
        Ok(PlaceFields::Cxone { login, tenant_id: self.alias(&TENANT_ID)? })
    }

    /// An id and its secret; `None` where neither is there.
    pub(crate) fn pair(&self, names: &Pair) -> Result<Option<KeyPair>> {
        let what = names.what;
        match (self.alias(names.id)?, self.alias(names.secret)?) {
            (Some(id), Some(secret)) => Ok(Some(KeyPair { id, secret: secret.into() })),
            (None, None) => Ok(None),
            // Half of it besides the name of another secret is a contradiction in the first place.
            _ if self.trimmed(CREDENTIALS)?.is_some() => Err(both_places()),
            (Some(_), None) => {
                Err(names.explained(invalid(format!("the secret holds a {what} id, but no {what} secret"))))
            }
            (None, Some(_)) => {
                Err(names.explained(invalid(format!("the secret holds a {what} secret, but no {what} id"))))
            }
        }
    }
}

impl Document {
    /// Puts an id and its secret into the fields that they have, or into the ones of the usual names.
    pub(crate) fn set_pair(&mut self, names: &Pair, pair: &KeyPair) {
        for (names, text) in [(names.id, pair.id.as_str()), (names.secret, pair.secret.expose_secret())] {
            let name = names.iter().find(|name| self.json(name).is_some()).unwrap_or(&names[0]);
            self.set(name, text);
        }
    }
}

impl Pair {
    /// An access key's secret is shown once, which is why it is what is missing most often.
    fn explained(&self, error: RotationError) -> RotationError {
        if self.what == ACCESS_KEY.what {
            return error.with_hint(
                "store access_key_id and access_key_secret together; the secret is shown once, when the key is made, so make a new key if it is lost",
            );
        }
        error
    }
}

impl PlaceFields {
    /// These fields, completed by those of another document.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::GenesysCloud { region }, Self::GenesysCloud { region: other }) => {
                Self::GenesysCloud { region: region.or(other) }
            }
            (Self::Cxone { login, tenant_id }, Self::Cxone { login: other, tenant_id: other_tenant }) => {
                Self::Cxone { login: login.or(other), tenant_id: tenant_id.or(other_tenant) }
            }
            (own, _) => own,
        }
    }

    /// The credentials, where keys and place go together. `holder` is the secret that should name the place.
    pub(crate) fn with_keys(self, keys: Keys, holder: &str) -> Result<Credentials> {
        match (self, keys) {
            (Self::GenesysCloud { region }, Keys::Client(client)) => {
                let region = region.ok_or_else(|| no_region(holder))?;
                Ok(Credentials::GenesysCloud { region, client })
            }
            (Self::GenesysCloud { .. }, _) => Err(invalid("the secret holds no client credentials")),
            (Self::Cxone { login, tenant_id }, keys) => {
                let grant = match (login, keys) {
                    (Some(CxoneLogin::Issuer(issuer)), Keys::ClientAndAccessKey { client, access_key }) => {
                        CxoneGrant::BackEnd { issuer, client, access_key }
                    }
                    (Some(CxoneLogin::Area(area)), Keys::AccessKey(access_key)) => {
                        CxoneGrant::UserHub { area, access_key }
                    }
                    (Some(CxoneLogin::Realm(realm)), Keys::Client(client)) => {
                        CxoneGrant::ClientCredentials { realm, client }
                    }
                    (login, keys) => return Err(keys.without_their_place(login.as_ref(), holder)),
                };
                Ok(Credentials::Cxone { grant, tenant_id })
            }
        }
    }
}

impl Keys {
    /// Keys of CXone whose place is missing or is another grant's.
    fn without_their_place(&self, login: Option<&CxoneLogin>, holder: &str) -> RotationError {
        let (what, field, example) = match self {
            Self::ClientAndAccessKey { .. } => {
                ("a client and an access key", "issuer", "https://cxone.niceincontact.com")
            }
            Self::AccessKey(_) => ("an access key without a client", "area", "na1"),
            Self::Client(_) => ("a client without an access key", "realm", "us-22"),
        };
        let Some(login) = login else {
            let hint = format!(r#"{what} needs the field {field}, such as "{field}": "{example}"; {CXONE_FORMS}"#);
            return invalid(format!("{holder} names no {field}")).with_hint(hint);
        };
        cxone(format!("the secret holds {what}, which goes with the field {field} and not with {}", login.field()))
    }
}

fn both_places() -> RotationError {
    invalid("the secret names another secret for the credentials, and holds some itself")
        .with_hint("keep either credentials (the name of another secret) or client_id and client_secret")
}

fn cxone(message: impl Into<String>) -> RotationError {
    invalid(message).with_hint(CXONE_FORMS)
}

fn no_region(place: &str) -> RotationError {
    invalid(format!("{place} names no region"))
        .with_hint(r#"add the organisation's region, such as "region": "mypurecloud.ie" or "eu-west-1""#)
}

/// What can be a secret's name, ARN or path. The name gets into messages, so nothing else may.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
    text.len() <= 512 && text.chars().all(|letter| plain(letter) || (letter == ':' && text.starts_with("arn:")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rotation::ErrorKind;
    use crate::secret::SecretString;

    fn read(document: &Value) -> Result<Credentials> {
        Document::parse(&SecretString::from(document.to_string())).and_then(|document| document.credentials())
    }

    fn cxone(fields: Value) -> Value {
        let mut document = json!({"platform": "nice-cxone"});
        let own = document.as_object_mut().expect("an object");
        own.extend(fields.as_object().expect("an object").clone());
        document
    }

    #[test]
    fn each_form_of_a_document_is_one_grant() {
        let back_end = cxone(json!({
            "issuer": "https://cxone.niceincontact.com", "tenantId": "t", "clientId": "c", "clientSecret": "cs",
            "accessKeyId": "k", "accessKeySecret": "ks====",
        }));
        let Ok(Credentials::Cxone { grant: CxoneGrant::BackEnd { client, access_key, .. }, tenant_id }) =
            read(&back_end)
        else {
            panic!("not the back-end grant");
        };
        assert_eq!((client.id.as_str(), access_key.id.as_str(), tenant_id.as_deref()), ("c", "k", Some("t")));
        assert_eq!((client.secret.expose_secret(), access_key.secret.expose_secret()), ("cs", "ks===="));
        let user_hub = cxone(json!({"area": "na1", "access_key_id": "k", "access_key_secret": "ks"}));
        let credentials = read(&user_hub).expect("UserHub");
        assert_eq!((credentials.id(), credentials.place().name()), ("k", "na1"));
        let older = cxone(json!({"realm": "us-22", "client_id": "c", "client_secret": "cs"}));
        let credentials = read(&older).expect("an older application");
        assert_eq!((credentials.id(), credentials.place().name()), ("c", "us-22"));
        let genesys = json!({"region": "mypurecloud.ie", "client_id": "c", "client_secret": "cs", "area": 7,
                             "access_key_id": " "});
        assert!(matches!(read(&genesys), Ok(Credentials::GenesysCloud { .. })), "other platforms' fields are not ours");
    }

    #[test]
    fn what_does_not_go_together_is_explained() {
        let (client, key) = (("client_id", "client_secret"), ("access_key_id", "access_key_secret"));
        let issuer = json!("https://cxone.niceincontact.com");
        let rows = [
            (json!({}), "no client credentials"),
            (json!({client.0: "c"}), "no client secret"),
            (json!({key.0: "k", "area": "na1"}), "no access key secret"),
            (json!({key.1: "hush", "area": "na1"}), "no access key id"),
            (json!({client.0: "c", client.1: "hush", key.0: "k", "issuer": issuer}), "no access key secret"),
            (json!({client.0: "c", client.1: "hush", key.0: "k", key.1: "hush"}), "names no issuer"),
            (json!({key.0: "k", key.1: "hush"}), "names no area"),
            (json!({client.0: "c", client.1: "hush"}), "names no realm"),
            (json!({client.0: "c", client.1: "hush", "issuer": issuer}), "field realm and not with issuer"),
            (json!({key.0: "k", key.1: "hush", "issuer": issuer}), "field area and not with issuer"),
            (json!({key.0: "k", key.1: "hush", "realm": "us-22"}), "field area and not with realm"),
            (json!({client.0: "c", client.1: "hush", key.0: "k", key.1: "hush", "area": "na1"}), "field issuer and"),
            (json!({key.0: "k", key.1: "hush", "area": "na1", "realm": "us-22"}), "area and realm name two places"),
            (json!({key.0: "k", key.1: "hush\n", "area": "na1"}), "line break"),
            (json!({key.0: "k", key.1: "hush", "area": " na1"}), "blanks"),
            (json!({key.0: "k", key.1: "", "area": "na1"}), "is empty"),
            (json!({key.0: "k", "accessKeyId": "j", key.1: "hush", "area": "na1"}), "different things"),
            (json!({key.0: "k", key.1: "hush", "credentials": "other"}), "holds some itself"),
            (json!({key.0: "k", "credentials": "other"}), "holds some itself"),
        ];
        for (fields, words) in rows {
            let error = read(&cxone(fields.clone())).expect_err(words);
            assert_eq!(error.kind(), ErrorKind::DocumentInvalid, "{fields}");
            assert!(error.to_string().contains(words), "{fields}: {error}");
            assert!(!format!("{error} {}", error.hint()).contains("hush"), "{fields}: a secret is told");
        }
    }
}
