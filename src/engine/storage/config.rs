//! A config: client credentials and where they are good, as they are stored.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::entries::Entries;
use crate::rotation::{Credentials, CxoneGrant, Document, ErrorKind, KeyPair, Place, PlatformName, RotationError};
use crate::secret::SecretString;
use openbao_plugin::Failure;
use openbao_plugin::framework::{is_name, refuse};

/// The prefix of the keys.
pub(crate) const PREFIX: &str = "config/";
/// The fields that name the place; a config has one of those of CXone.
pub(crate) const CXONE_PLACES: [&str; 3] = ["issuer", "area", "realm"];
/// The fields that anybody who may read the config may see, in the order of a document's.
const SHOWN: [&str; 11] = [
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
    FORMER_KEY,
];
/// The id of a second client, which gets the next secret and takes the first one's place.
pub(crate) const IDLE_CLIENT: &str = "idle_client_id";
/// The name of the config whose client gives it that secret.
pub(crate) const ADMIN_CONFIG: &str = "admin_config";
/// The id of the access key that the one in use has followed. The engine writes it, and nobody else.
pub(crate) const FORMER_KEY: &str = "former_access_key_id";
/// The fields that nobody may.
pub(crate) const HIDDEN: [&str; 2] = ["client_secret", "access_key_secret"];

/// A config's fields by their names, which are a document's. Any value may be a secret.
pub(crate) type Fields = BTreeMap<String, Zeroizing<String>>;

/// How a config comes to its next secret.
pub(crate) enum Succession<'a> {
    /// The client's own secret is replaced.
    InPlace,
    /// Another client gets a new secret, and takes this one's place.
    NextClient {
        /// The id of that client.
        idle: &'a str,
        /// The name of the config whose client edits it.
        admin: &'a str,
    },
    /// The user gets another access key.
    NextAccessKey {
        /// The id of the key in use.
        in_use: &'a str,
        /// The id of the one before it, where there is one.
        former: Option<&'a str>,
    },
    /// Nobody but the platform's own people can give it one.
    None,
}

impl<'a> Succession<'a> {
    /// The id of the client whose secret dies with it, or of the access key that is deleted.
    pub(crate) fn dying(&self, config: &'a Config) -> Option<&'a str> {
        match self {
            Self::InPlace => Some(config.credentials.id()),
            Self::NextClient { idle, .. } => Some(idle),
            Self::NextAccessKey { former, .. } => *former,
            Self::None => None,
        }
    }
}

/// Client credentials, and where they are good.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub(crate) struct Config {
    fields: Fields,
    credentials: Credentials,
}

impl TryFrom<Fields> for Config {
    type Error = RotationError;

    /// A config is a document like any other, under the same rules.
    fn try_from(fields: Fields) -> Result<Self, RotationError> {
        let credentials = Document::parse(&document(&fields)?).and_then(|document| document.credentials());
        Ok(Self { credentials: credentials.map_err(|error| about_the_config(&error))?, fields })
    }
}

impl From<Config> for Fields {
    fn from(config: Config) -> Self {
        config.fields
    }
}

impl Config {
    /// The key of a config by its name.
    pub(crate) fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// The names of all fields.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        SHOWN.into_iter().chain(HIDDEN)
    }

    /// The config of a name that a role gives.
    ///
    /// # Errors
    /// A 400 where there is none, or what the host says.
    pub(crate) async fn of_role(entries: &Entries, name: &str) -> Result<Self, Failure> {
        if !is_name(name) {
            return Err(refuse("config is not the name of a config", "list config/ shows those that there are"));
        }
        entries.get(&Self::key(name)).await?.ok_or_else(|| {
            refuse(
                format!("there is no config {name:?}"),
                format!("write config/{name} first, or give the role another config"),
            )
        })
    }

    /// What the platform's calls need.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// Where its tokens are good.
    pub(crate) fn place(&self) -> Place {
        self.credentials.place()
    }

    /// Whose tokens they are: the ids of the client and of the access key. Tokens of others are not this config's.
    pub(crate) fn client_id(&self) -> String {
        match &self.credentials {
            Credentials::Cxone { grant: CxoneGrant::BackEnd { client, access_key, .. }, .. } => {
                format!("{} {}", client.id, access_key.id)
            }
            other => other.id().to_owned(),
        }
    }

    /// The platform.
    pub(crate) fn platform(&self) -> PlatformName {
        self.place().platform()
    }

    /// Whether it is of no use without a client or an access key.
    pub(crate) fn lives_on(&self, id: &str) -> bool {
        [self.credentials.id(), self.credentials.access_key_id()].contains(&id)
    }

    /// How it comes to its next secret.
    pub(crate) fn succession(&self) -> Succession<'_> {
        match (&self.credentials, self.second_client()) {
            (Credentials::GenesysCloud { .. }, (Some(idle), Some(admin))) => Succession::NextClient { idle, admin },
            (Credentials::GenesysCloud { .. }, _) => Succession::InPlace,
            (Credentials::Cxone { grant: CxoneGrant::ClientCredentials { .. }, .. }, _) => Succession::None,
            (Credentials::Cxone { .. }, _) => {
                let former = self.fields.get(FORMER_KEY).map(|text| text.as_str());
                Succession::NextAccessKey { in_use: self.credentials.access_key_id(), former }
            }
        }
    }

    /// The id of a second client, and the name of the config whose client edits it.
    pub(crate) fn second_client(&self) -> (Option<&str>, Option<&str>) {
        let field = |name: &str| self.fields.get(name).map(|text| text.as_str());
        (field(IDLE_CLIENT), field(ADMIN_CONFIG))
    }

    /// The same client with another secret.
    ///
    /// # Errors
    /// `DocumentInvalid` where it cannot be one.
    pub(crate) fn with_client_secret(&self, secret: &SecretString) -> Result<Self, RotationError> {
        self.with([(HIDDEN[0], secret.expose_secret())])
    }

    /// The idle client in the place of the one in use, which is the idle one from now on.
    ///
    /// # Errors
    /// `DocumentInvalid` where it cannot be one.
    pub(crate) fn with_next_client(&self, client: &KeyPair) -> Result<Self, RotationError> {
        let fields = [("client_id", client.id.as_str()), (HIDDEN[0], client.secret.expose_secret())];
        self.with(fields.into_iter().chain([(IDLE_CLIENT, self.credentials.id())]))
    }

    /// The same user with another access key. The one in use is the former one from now on.
    ///
    /// # Errors
    /// `DocumentInvalid` where it cannot be one.
    pub(crate) fn with_next_access_key(&self, key: &KeyPair) -> Result<Self, RotationError> {
        let fields = [("access_key_id", key.id.as_str()), (HIDDEN[1], key.secret.expose_secret())];
        self.with(fields.into_iter().chain([(FORMER_KEY, self.credentials.access_key_id())]))
    }

    fn with<'a>(&self, changed: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RotationError> {
        let mut fields = self.fields.clone();
        fields.extend(changed.into_iter().map(|(name, text)| (name.to_owned(), Zeroizing::new(text.to_owned()))));
        Self::try_from(fields)
    }

    /// Whether both hold the same, secrets included.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.fields == other.fields
    }

    /// The fields as they are stored.
    pub(crate) fn into_fields(self) -> Fields {
        self.fields
    }

    /// What anybody may see who may read the config.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let shown = SHOWN.into_iter().filter_map(|name| Some((name, self.fields.get(name)?)));
        shown.map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect()
    }

    /// The config as a document that the rotation reads its credentials from.
    ///
    /// # Errors
    /// `DocumentInvalid`, never for what was stored.
    pub(crate) fn document(&self) -> Result<SecretString, RotationError> {
        document(&self.fields)
    }
}

fn document(fields: &Fields) -> Result<SecretString, RotationError> {
    serde_json::to_string(fields).map(SecretString::from).map_err(|_| {
        let message = "the config cannot be written as a document";
        RotationError::new(ErrorKind::DocumentInvalid, message)
    })
}

/// Whoever writes a config knows of no secret that would hold it.
fn about_the_config(error: &RotationError) -> RotationError {
    let message = error.to_string().replacen("the secret ", "the config ", 1);
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}
