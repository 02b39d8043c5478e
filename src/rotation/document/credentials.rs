//! The credentials in a document, and the place where they are valid.

use super::fields::{Document, invalid};
use super::names::{ACCESS_KEY, CLIENT, CREDENTIALS, PLATFORM, Pair, REGION, TENANT_ID, is_secret_name};
use crate::rotation::credentials::keys::{Credentials, CxoneGrant, KeyPair};
use crate::rotation::credentials::place::{CxoneLogin, CxonePlace, Place};
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::error::{Result, RotationError};
use crate::secret::ExposeSecret;

const CXONE_FORMS: &str = "a CXone document holds issuer, client_id, client_secret, access_key_id and access_key_secret; or area, access_key_id and access_key_secret; or, for a legacy application, realm, client_id and client_secret";

/// Where the credentials are stored.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// In this document.
    Inline(Keys),
    /// In another secret of the same store, by its name or ARN.
    Elsewhere(String),
}

/// The keys in a document.
#[derive(Clone, Debug)]
pub enum Keys {
    /// An OAuth client, or an application.
    Client(KeyPair),
    /// A user's access key.
    AccessKey(KeyPair),
    /// An application and a user's access key.
    ClientAndAccessKey {
        /// The application.
        client: KeyPair,
        /// The access key.
        access_key: KeyPair,
    },
}

/// The fields of a document that name the place; another document may complete them.
pub(crate) enum PlaceFields {
    GenesysCloud { region: Option<String> },
    Cxone { login: Option<CxoneLogin>, tenant_id: Option<String> },
}

impl Document {
    /// Returns the name of the platform, `genesys-cloud` by default.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) if the field is not a string.
    pub fn platform(&self) -> Result<String> {
        Ok(self.named_platform()?.unwrap_or_else(|| PlatformName::GenesysCloud.name().to_owned()))
    }

    pub(crate) fn named_platform(&self) -> Result<Option<String>> {
        self.text(PLATFORM)
    }

    /// Returns where the credentials are stored.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) if they are missing, incomplete,
    /// ambiguous, or surrounded by whitespace.
    pub fn credential_source(&self) -> Result<CredentialSource> {
        let platform = PlatformName::parse(&self.platform()?)?;
        // An invalid place must fail before any request.
        self.place_fields(platform)?;
        self.credential_source_on(platform)
    }

    /// Returns whether only a token is missing, so that a rotation can write the first one. Unrelated credentials may have
    /// the same field names, so the document must name the platform, or a region that is a domain of it.
    #[cfg(feature = "operator")]
    pub(crate) fn awaits_first_rotation(&self, is_domain: impl Fn(&str) -> bool) -> bool {
        let names_platform = self.named_platform().is_ok_and(|name| name.is_some());
        let has_domain = || self.alias(&REGION).is_ok_and(|region| region.is_some_and(|region| is_domain(&region)));
        self.credential_source().is_ok() && (names_platform || has_domain()) && !self.lends_credentials()
    }

    /// Returns the credentials stored in this document.
    ///
    /// # Errors
    /// `DocumentInvalid` if they are missing or in another secret, or do not match the place.
    pub fn credentials(&self) -> Result<Credentials> {
        let platform = PlatformName::parse(&self.platform()?)?;
        let fields = self.place_fields(platform)?;
        match self.credential_source_on(platform)? {
            CredentialSource::Inline(keys) => fields.with_keys(keys, "the secret"),
            CredentialSource::Elsewhere(_) => Err(invalid("the credentials are in another secret")),
        }
    }

    /// Returns the place where the token is valid; the region is empty if the document names none.
    ///
    /// # Errors
    /// `DocumentInvalid` if a field is invalid, or a CXone document names no place.
    pub fn place(&self) -> Result<Place> {
        Ok(self.named_place()?.in_tenant(self.token_tenant_id().as_deref()))
    }

    fn named_place(&self) -> Result<Place> {
        match self.place_fields(PlatformName::parse(&self.platform()?)?)? {
            PlaceFields::GenesysCloud { region } => Ok(Place::GenesysCloud { region: region.unwrap_or_default() }),
            PlaceFields::Cxone { login: Some(login), tenant_id } => Ok(Place::Cxone(CxonePlace { login, tenant_id })),
            PlaceFields::Cxone { login: None, .. } => Err(cxone("issuer, area and realm are all missing")),
        }
    }

    /// Like [`credential_source`](Self::credential_source), for a platform that another document may name.
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
            (None, Some(name)) if is_secret_name(&name) => Ok(CredentialSource::Elsewhere(name)),
            (None, Some(_)) => Err(not_a_secret_name(CREDENTIALS)
                .with_hint("set credentials to the name of the secret that holds client_id and client_secret")),
            (None, None) => {
                let error = no_credentials();
                Err(if platform == PlatformName::Cxone { error.with_hint(CXONE_FORMS) } else { error })
            }
            (Some(_), Some(_)) => Err(both_sources()),
        }
    }

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
            return Err(cxone(format!("the fields {} and {} exclude each other", first.field(), second.field())));
        }
        Ok(PlaceFields::Cxone { login, tenant_id: self.alias(&TENANT_ID)? })
    }

    /// Returns the id of the active client.
    pub(crate) fn client_id(&self) -> Result<Option<String>> {
        self.alias(CLIENT.id)
    }

    /// Returns a field that names another secret.
    pub(super) fn secret_name(&self, field: &str) -> Result<Option<String>> {
        match self.trimmed(field)? {
            Some(name) if !is_secret_name(&name) => Err(not_a_secret_name(field)),
            name => Ok(name),
        }
    }

    /// Returns an id and its secret; `None` if both are missing.
    pub(super) fn pair(&self, names: &Pair) -> Result<Option<KeyPair>> {
        let what = names.what;
        let (present, missing) = match (self.alias(names.id)?, self.alias(names.secret)?) {
            (Some(id), Some(secret)) => return Ok(Some(KeyPair { id, secret: secret.into() })),
            (None, None) => return Ok(None),
            // With `credentials`, the document is ambiguous, which is the more useful error.
            _ if self.trimmed(CREDENTIALS)?.is_some() => return Err(both_sources()),
            (Some(_), None) => ("id", "secret"),
            (None, Some(_)) => ("secret", "id"),
        };
        let error = invalid(format!("the secret holds a {what} {present}, but no {what} {missing}"));
        // An access key's secret is shown only once, so it is the half that is missing most often.
        Err(if what == ACCESS_KEY.what {
            error.with_hint(
                "store access_key_id and access_key_secret together; the secret is shown only when the key is created, so create a new key if it is lost",
            )
        } else if missing == "secret" {
            error.with_hint(
                "store client_secret beside client_id; or let an administrator's client regenerate it, so that no person sees it: `genesys-rotator adopt SECRET --client ID --admin SECRET`",
            )
        } else {
            error
        })
    }

    /// Writes an id and its secret to all fields that hold them now, or to the first of their names.
    pub(super) fn set_pair(&mut self, names: &Pair, pair: &KeyPair) {
        for (names, text) in [(names.id, pair.id.as_str()), (names.secret, pair.secret.expose_secret())] {
            let is_held = |name: &&&str| self.json(name).is_some_and(|json| json != "null");
            let held: Vec<_> = names.iter().filter(is_held).collect();
            let names = if held.is_empty() { vec![&names[0]] } else { held };
            names.into_iter().for_each(|name| self.set(name, text));
        }
    }

    /// Returns a document that holds only an id and its secret: an entry of a list.
    pub(super) fn of_pair(names: &Pair, pair: &KeyPair) -> Self {
        let mut entry = Self::default();
        entry.set_pair(names, pair);
        entry
    }
}

impl PlaceFields {
    /// Returns these fields, completed by those of another document.
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

    /// Returns the credentials if keys and place match. `holder` is the secret that must name the place.
    pub(crate) fn with_keys(self, keys: Keys, holder: &str) -> Result<Credentials> {
        match (self, keys) {
            (Self::GenesysCloud { region }, Keys::Client(client)) => {
                let region = region.ok_or_else(|| no_region(holder))?;
                Ok(Credentials::GenesysCloud { region, client })
            }
            (Self::GenesysCloud { .. }, _) => Err(no_credentials()),
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
                    (login, keys) => return Err(keys.wrong_place(login.as_ref(), holder)),
                };
                Ok(Credentials::Cxone { grant, tenant_id })
            }
        }
    }
}

impl Keys {
    /// The error for CXone keys whose place is missing or belongs to another grant.
    fn wrong_place(&self, login: Option<&CxoneLogin>, holder: &str) -> RotationError {
        let (what, field, example) = match self {
            Self::ClientAndAccessKey { .. } => {
                ("a client and an access key", "issuer", "https://cxone.niceincontact.com")
            }
            Self::AccessKey(_) => ("an access key without a client", "area", "na1"),
            Self::Client(_) => ("a client without an access key", "realm", "us-22"),
        };
        let Some(login) = login else {
            let hint = format!(r#"add "{field}": "{example}" for {what}; {CXONE_FORMS}"#);
            return invalid(format!("{holder} names no {field}")).with_hint(hint);
        };
        cxone(format!("the secret holds {what}, which needs the field {field} and not {}", login.field()))
    }
}

fn no_credentials() -> RotationError {
    invalid("the secret holds no client credentials")
}

fn not_a_secret_name(field: &str) -> RotationError {
    invalid(format!("{field} is not a valid secret name or ARN"))
}

fn both_sources() -> RotationError {
    invalid("credentials names another secret, but this secret also holds credentials")
        .with_hint("keep either credentials (the name of another secret) or client_id and client_secret")
}

fn cxone(message: impl Into<String>) -> RotationError {
    invalid(message).with_hint(CXONE_FORMS)
}

fn no_region(holder: &str) -> RotationError {
    invalid(format!("{holder} names no region"))
        .with_hint(r#"add the organization's region, such as "region": "mypurecloud.ie" or "eu-west-1""#)
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
    fn a_field_that_names_another_secret_holds_a_secret_name() {
        let named = |name: &str| {
            let document = Document::parse(&json!({"admin_credentials": name}).to_string().into()).expect("a document");
            document.secret_name("admin_credentials").map_err(|error| error.kind())
        };
        assert_eq!(named("genesys/admin"), Ok(Some("genesys/admin".to_owned())));
        assert_eq!(named("a secret of ours"), Err(ErrorKind::DocumentInvalid));
    }

    #[test]
    fn the_hint_for_missing_credentials_fits_the_platform() {
        let hint = |document: &Value| read(document).expect_err("no credentials").hint().to_owned();
        assert_eq!(hint(&cxone(json!({"issuer": "https://cxone.niceincontact.com"}))), CXONE_FORMS);
        assert_ne!(hint(&json!({"region": "mypurecloud.ie"})), CXONE_FORMS);
        let only_shown_once = "only when the key is created";
        assert!(hint(&cxone(json!({"area": "na1", "access_key_id": "k"}))).contains(only_shown_once));
        assert!(!hint(&json!({"region": "mypurecloud.ie", "client_id": "c"})).contains(only_shown_once));
    }

    #[test]
    fn each_form_of_a_cxone_document_selects_one_grant() {
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
        assert!(
            matches!(read(&genesys), Ok(Credentials::GenesysCloud { .. })),
            "fields of other platforms are ignored"
        );
    }

    #[test]
    fn incomplete_or_contradictory_credentials_are_explained() {
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
            (json!({client.0: "c", client.1: "hush", "issuer": issuer}), "field realm and not issuer"),
            (json!({key.0: "k", key.1: "hush", "issuer": issuer}), "field area and not issuer"),
            (json!({key.0: "k", key.1: "hush", "realm": "us-22"}), "field area and not realm"),
            (
                json!({client.0: "c", client.1: "hush", key.0: "k", key.1: "hush", "area": "na1"}),
                "field issuer and not area",
            ),
            (json!({key.0: "k", key.1: "hush", "area": "na1", "realm": "us-22"}), "area and realm exclude each other"),
            (json!({key.0: "k", key.1: "hush\n", "area": "na1"}), "whitespace"),
            (json!({key.0: "k", key.1: "hush", "area": " na1"}), "whitespace"),
            (json!({key.0: "k", key.1: "", "area": "na1"}), "is empty"),
            (json!({key.0: "k", "accessKeyId": "j", key.1: "hush", "area": "na1"}), "different values"),
            (json!({key.0: "k", key.1: "hush", "credentials": "other"}), "also holds credentials"),
            (json!({key.0: "k", "credentials": "other"}), "also holds credentials"),
        ];
        for (fields, words) in rows {
            let error = read(&cxone(fields.clone())).expect_err(words);
            assert_eq!(error.kind(), ErrorKind::DocumentInvalid, "{fields}");
            assert!(error.to_string().contains(words), "{fields}: {error}");
            assert!(!format!("{error} {}", error.hint()).contains("hush"), "{fields}: the message shows a secret");
        }
    }
}
