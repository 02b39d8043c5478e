//! A config: client credentials and their place, as they are stored.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::allowed_roles::{ALLOWED_ROLES, AllowedRoles};
use super::entries::Entries;
use crate::engine::failure::to_failure;
use crate::rotation::{Credentials, CxoneGrant, Document, ErrorKind, KeyPair, Place, PlatformName, RotationError};
use crate::secret::SecretString;
use openbao_plugin::Failure;
use openbao_plugin::framework::{is_name, refuse};

/// The prefix of the storage keys.
pub(crate) const PREFIX: &str = "config/";
/// The fields that name a place of CXone. A config has one of them.
pub(crate) const CXONE_PLACES: [&str; 3] = ["issuer", "area", "realm"];
/// The fields that reading a config returns, in the order of a document.
const SHOWN: [&str; 13] = [
    "platform",
    "region",
    "issuer",
    "area",
    "realm",
    "tenant_id",
    "client_id",
    "access_key_id",
    IDLE_CLIENT,
    ADMIN_CONFIG,
    ROTATES,
    FORMER_KEY,
    ALLOWED_ROLES,
];
/// The id of a second client, which gets the next secret and replaces the client in use.
pub(crate) const IDLE_CLIENT: &str = "idle_client_id";
/// The name of the config whose client regenerates that secret.
pub(crate) const ADMIN_CONFIG: &str = "admin_config";
/// The ids of the clients whose secrets other configs may regenerate with this config's client. Stored as a JSON list.
pub(crate) const ROTATES: &str = "rotates";
/// The id of the access key that the key in use replaced. Only the engine writes it.
pub(crate) const FORMER_KEY: &str = "former_access_key_id";
const CLIENT_SECRET: &str = "client_secret";
const ACCESS_KEY_SECRET: &str = "access_key_secret";
/// The fields that are never returned.
const HIDDEN: [&str; 2] = [CLIENT_SECRET, ACCESS_KEY_SECRET];
/// Attempts to store a new secret of which the engine has the only copy.
const WRITES: usize = 3;

/// A config's fields by name; the names are those of a document. Any value may be a secret.
pub(crate) type ConfigFields = BTreeMap<String, Zeroizing<String>>;

/// How a config gets its next secret.
pub(crate) enum SecretSuccession<'a> {
    /// The platform regenerates the secret of the client in use.
    InPlace,
    /// Another client gets a new secret and replaces the client in use.
    NextClient {
        /// The id of that client.
        idle: &'a str,
        /// The name of the config whose client regenerates the secret.
        admin: &'a str,
    },
    /// The user gets another access key.
    NextAccessKey {
        /// The id of the key in use.
        in_use: &'a str,
        /// The id of the key before it; `None` before the first rotation.
        former: Option<&'a str>,
    },
    /// Only the vendor can issue a new secret.
    VendorOnly,
}

impl<'a> SecretSuccession<'a> {
    /// The id of the client whose secret is invalidated, or of the access key that is deleted.
    pub(crate) fn invalidated_id(&self, config: &'a Config) -> Option<&'a str> {
        match self {
            Self::InPlace => Some(config.credentials.id()),
            Self::NextClient { idle, .. } => Some(idle),
            Self::NextAccessKey { former, .. } => *former,
            Self::VendorOnly => None,
        }
    }
}

/// Client credentials and their place.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "ConfigFields", into = "ConfigFields")]
pub(crate) struct Config {
    fields: ConfigFields,
    credentials: Credentials,
}

impl TryFrom<ConfigFields> for Config {
    type Error = RotationError;

    /// Parses the fields as a document, with the same rules.
    fn try_from(fields: ConfigFields) -> Result<Self, RotationError> {
        let credentials = Document::parse(&document(&fields)?).and_then(|document| {
            // Only the form of the list is checked.
            document.permit_renewal(&[])?;
            document.credentials()
        });
        Ok(Self { credentials: credentials.map_err(|error| about_the_config(&error))?, fields })
    }
}

impl From<Config> for ConfigFields {
    fn from(config: Config) -> Self {
        config.fields
    }
}

impl Config {
    /// The storage key of a config.
    pub(crate) fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// The names of all fields.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        SHOWN.into_iter().chain(HIDDEN)
    }

    /// Reads the config that a role names.
    ///
    /// # Errors
    /// 400 where it does not exist, or the host's error.
    pub(crate) async fn named(entries: &Entries, name: &str) -> Result<Self, Failure> {
        if !is_name(name) {
            return Err(refuse("config is not a valid config name", "run `bao list genesys-cloud/config`"));
        }
        entries.get(&Self::key(name)).await?.ok_or_else(|| {
            refuse(
                format!("there is no config {name:?}"),
                format!("write config/{name} first, or give the role another config"),
            )
        })
    }

    /// Reads the config that a role names, if it allows the role.
    ///
    /// # Errors
    /// 400 where it does not exist or does not allow the role, or the host's error.
    pub(crate) async fn for_role(entries: &Entries, name: &str, role: &str) -> Result<Self, Failure> {
        let config = Self::named(entries, name).await?;
        config.allowed_roles().check(name, role).map_err(|error| to_failure(&error))?;
        Ok(config)
    }

    /// Checks that a config allows a role, without parsing its credentials: busy readers call this. A missing config
    /// forbids nothing.
    ///
    /// # Errors
    /// 400 where it does not allow the role, or the host's error.
    pub(crate) async fn check_role(entries: &Entries, name: &str, role: &str) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Allowing {
            allowed_roles: Option<String>,
        }
        let Some(stored) = entries.get::<Allowing>(&Self::key(name)).await? else { return Ok(()) };
        let allowed = AllowedRoles::stored(stored.allowed_roles.as_deref());
        allowed.check(name, role).map_err(|error| to_failure(&error))
    }

    /// Stores the config. Retries, because the engine may have the only copy of its secret.
    ///
    /// # Errors
    /// The host's error of the last attempt; read-only if nothing was stored.
    pub(crate) async fn store(&self, entries: &Entries, name: &str) -> Result<(), Failure> {
        let key = Self::key(name);
        let mut written = entries.put(&key, self).await;
        for _ in 1..WRITES {
            if written.is_ok() || written.as_ref().is_err_and(Failure::is_read_only) {
                break;
            }
            let again = entries.put(&key, self).await;
            // Of a node that became a standby meanwhile, the earlier error counts: that request may have been carried out.
            if again.as_ref().is_err_and(Failure::is_read_only) {
                break;
            }
            written = again;
        }
        written
    }

    /// The roles that may use it.
    pub(crate) fn allowed_roles(&self) -> AllowedRoles {
        AllowedRoles::stored(self.fields.get(ALLOWED_ROLES).map(|text| text.as_str()))
    }

    /// The credentials for calls to the platform.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// The place where its tokens are valid.
    pub(crate) fn place(&self) -> Place {
        self.credentials.place()
    }

    /// The owner of its tokens: the ids of the client and of the access key.
    pub(crate) fn client_id(&self) -> String {
        match &self.credentials {
            Credentials::Cxone { grant: CxoneGrant::BackEnd { client, access_key, .. }, .. } => {
                format!("{} {}", client.id, access_key.id)
            }
            other => other.id().to_owned(),
        }
    }

    /// The clients whose tokens are this config's, without its secret in the second case: that in use, and the idle one, which was in use
    /// before. CXone has no idle client.
    pub(crate) fn owners(&self) -> Vec<Credentials> {
        let idle = |id: &str| match &self.credentials {
            Credentials::GenesysCloud { region, .. } => {
                let client = KeyPair { id: id.to_owned(), secret: SecretString::default() };
                Some(Credentials::GenesysCloud { region: region.clone(), client })
            }
            Credentials::Cxone { .. } => None,
        };
        [Some(self.credentials()), self.second_client().0.and_then(idle)].into_iter().flatten().collect()
    }

    /// The platform.
    pub(crate) fn platform(&self) -> PlatformName {
        self.place().platform()
    }

    /// Whether its credentials use this client or access key.
    pub(crate) fn depends_on(&self, id: &str) -> bool {
        [self.credentials.id(), self.credentials.access_key_id()].contains(&id)
    }

    /// How it gets its next secret.
    pub(crate) fn succession(&self) -> SecretSuccession<'_> {
        match (&self.credentials, self.second_client()) {
            (Credentials::GenesysCloud { .. }, (Some(idle), Some(admin))) => {
                SecretSuccession::NextClient { idle, admin }
            }
            (Credentials::GenesysCloud { .. }, _) => SecretSuccession::InPlace,
            (Credentials::Cxone { grant: CxoneGrant::ClientCredentials { .. }, .. }, _) => SecretSuccession::VendorOnly,
            (Credentials::Cxone { .. }, _) => {
                let former = self.fields.get(FORMER_KEY).map(|text| text.as_str());
                SecretSuccession::NextAccessKey { in_use: self.credentials.access_key_id(), former }
            }
        }
    }

    /// The id of a second client, and the name of the config whose client regenerates its secret.
    pub(crate) fn second_client(&self) -> (Option<&str>, Option<&str>) {
        let field = |name: &str| self.fields.get(name).map(|text| text.as_str());
        (field(IDLE_CLIENT), field(ADMIN_CONFIG))
    }

    /// Checks that another config may renew these clients' secrets with this config's client. `name` is that of this
    /// config.
    ///
    /// # Errors
    /// 400 that names the missing ids.
    pub(crate) fn permit_renewal(&self, name: &str, client_ids: &[&str]) -> Result<(), Failure> {
        let permitted = self.document().and_then(|document| Document::parse(&document)?.permit_renewal(client_ids));
        permitted.map_err(|error| {
            let ids = client_ids.join(",");
            refuse(
                format!("config/{name}, which admin_config names: {error}"),
                format!("add the ids to the list: `bao write genesys-cloud/config/{name} rotates={ids}`, with those that it contains already"),
            )
        })
    }

    /// The same client with another secret.
    ///
    /// # Errors
    /// `DocumentInvalid` for a secret that a document cannot hold.
    pub(crate) fn with_client_secret(&self, secret: &SecretString) -> Result<Self, RotationError> {
        self.with([(CLIENT_SECRET, secret.expose_secret())])
    }

    /// The idle client in place of the client in use, which becomes the idle one.
    ///
    /// # Errors
    /// `DocumentInvalid` for a secret that a document cannot hold.
    pub(crate) fn with_next_client(&self, client: &KeyPair) -> Result<Self, RotationError> {
        let fields = [("client_id", client.id.as_str()), (CLIENT_SECRET, client.secret.expose_secret())];
        self.with(fields.into_iter().chain([(IDLE_CLIENT, self.credentials.id())]))
    }

    /// The same user with another access key. The key in use becomes the former one.
    ///
    /// # Errors
    /// `DocumentInvalid` for a key that a document cannot hold.
    pub(crate) fn with_next_access_key(&self, key: &KeyPair) -> Result<Self, RotationError> {
        let fields = [("access_key_id", key.id.as_str()), (ACCESS_KEY_SECRET, key.secret.expose_secret())];
        self.with(fields.into_iter().chain([(FORMER_KEY, self.credentials.access_key_id())]))
    }

    fn with<'a>(&self, changed: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RotationError> {
        let mut fields = self.fields.clone();
        fields.extend(changed.into_iter().map(|(name, text)| (name.to_owned(), Zeroizing::new(text.to_owned()))));
        Self::try_from(fields)
    }

    /// Whether all fields are equal, secrets included.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.fields == other.fields
    }

    /// The fields as they are stored.
    pub(crate) fn into_fields(self) -> ConfigFields {
        self.fields
    }

    /// The fields that reading the config returns.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let shown = SHOWN.into_iter().filter_map(|name| Some((name, self.fields.get(name)?)));
        let mut shown: Map<_, _> = shown.map(|(name, value)| (name.to_owned(), json_value(name, value))).collect();
        shown.insert(ALLOWED_ROLES.to_owned(), self.allowed_roles().items().into());
        shown
    }

    /// The config as a document that the rotation reads credentials from.
    ///
    /// # Errors
    /// `DocumentInvalid`; does not happen for a stored config.
    pub(crate) fn document(&self) -> Result<SecretString, RotationError> {
        document(&self.fields)
    }
}

/// The lists, and every other field as a string.
fn json_value(name: &str, value: &str) -> Value {
    let list = [ROTATES, ALLOWED_ROLES].contains(&name).then(|| serde_json::from_str(value).ok()).flatten();
    list.unwrap_or_else(|| Value::from(value))
}

fn document(fields: &ConfigFields) -> Result<SecretString, RotationError> {
    let values = fields.iter().map(|(name, value)| (name.as_str(), json_value(name, value)));
    serde_json::to_string(&values.collect::<BTreeMap<_, _>>()).map(SecretString::from).map_err(|_| {
        let message = "the config cannot be serialized as a document";
        RotationError::new(ErrorKind::DocumentInvalid, message)
    })
}

/// Names the config instead of the secret: the caller wrote no secret.
fn about_the_config(error: &RotationError) -> RotationError {
    let message = error.to_string().replacen("the secret ", "the config ", 1);
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_the_same_if_all_fields_are_equal() {
        let fields = [("region", "eu-west-1"), ("client_id", "client"), (CLIENT_SECRET, "hush")];
        let fields = fields.map(|(name, text)| (name.to_owned(), Zeroizing::new(text.to_owned())));
        let config = Config::try_from(ConfigFields::from(fields)).expect("a valid config");
        assert!(config.is_same(&config.clone()));
        let renewed = config.with_client_secret(&"another".into()).expect("a valid secret");
        assert!(!config.is_same(&renewed));
        assert_eq!(renewed.shown(), config.shown());
    }
}
