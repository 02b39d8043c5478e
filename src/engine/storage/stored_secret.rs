//! Serialization of a secret value in a storage entry, the only place where secrets are written.

use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serializer};

use crate::secret::SecretString;

pub(crate) fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}
