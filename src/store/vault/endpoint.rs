//! Requests and answers, as endpoints of rustify, which vaultrs is built on.
//!
//! The KV endpoints of vaultrs parse values into a JSON tree, which cannot hold every number, and drop the version.

use std::collections::BTreeMap;

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The latest version at a path.
pub(super) enum KvRead {
    /// A value.
    Value(KvVersion),
    /// The latest version was deleted or destroyed.
    Gone {
        /// Its number.
        version: u64,
        /// Whether it cannot be undeleted.
        destroyed: bool,
    },
    /// Nothing was ever written there. Holds Vault's message, if any.
    Nothing(String),
}

/// A version of a KV secret.
pub(super) struct KvVersion {
    /// The JSON object; empty in the answer to a write.
    pub(super) text: Zeroizing<String>,
    pub(super) version: u64,
    pub(super) created_time: String,
    pub(super) custom_metadata: BTreeMap<String, String>,
}

/// `GET` of a path.
pub(super) struct Get<'a, T> {
    path: &'a str,
    answer: std::marker::PhantomData<fn() -> T>,
}

/// `POST` to a path.
pub(super) struct Post<'a, T> {
    path: &'a str,
    body: Zeroizing<String>,
    answer: std::marker::PhantomData<fn() -> T>,
}

/// The answer to a read.
#[derive(Deserialize)]
pub(super) struct ReadAnswer {
    data: Option<Box<RawValue>>,
    metadata: VersionMetadata,
}

/// The metadata of a version (KV secrets engine, version 2, HTTP API, "Read secret version").
#[derive(Deserialize)]
pub(super) struct VersionMetadata {
    version: u64,
    created_time: String,
    #[serde(default)]
    destroyed: bool,
    #[serde(default)]
    custom_metadata: Option<BTreeMap<String, String>>,
}

/// The answer of `sys/internal/ui/mounts/PATH`, which `vault kv` and `bao kv` request too.
#[derive(Deserialize)]
pub(super) struct KvMount {
    pub(super) path: String,
    pub(super) r#type: String,
    pub(super) options: Option<BTreeMap<String, String>>,
}

/// The answer to a read of a deleted version: 404, with the metadata.
#[derive(Deserialize)]
struct DeletedAnswer {
    data: ReadAnswer,
}

impl<'a, T> Get<'a, T> {
    pub(super) fn of(path: &'a str) -> Self {
        Self { path, answer: std::marker::PhantomData }
    }
}

impl<'a, T> Post<'a, T> {
    pub(super) fn to(path: &'a str, body: Zeroizing<String>) -> Self {
        Self { path, body, answer: std::marker::PhantomData }
    }
}

impl<T: serde::de::DeserializeOwned + Send + Sync> Endpoint for Get<'_, T> {
    type Response = T;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }
}

impl<T: serde::de::DeserializeOwned + Send + Sync> Endpoint for Post<'_, T> {
    type Response = T;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(self.body.as_bytes().to_vec()))
    }
}

impl From<ReadAnswer> for KvRead {
    fn from(answer: ReadAnswer) -> Self {
        let (version, destroyed) = (answer.metadata.version, answer.metadata.destroyed);
        let Some(data) = answer.data else { return Self::Gone { version, destroyed } };
        Self::Value(KvVersion { text: Zeroizing::new(data.get().to_owned()), ..answer.metadata.into() })
    }
}

impl From<VersionMetadata> for KvVersion {
    fn from(metadata: VersionMetadata) -> Self {
        Self {
            text: Zeroizing::default(),
            version: metadata.version,
            created_time: metadata.created_time,
            custom_metadata: metadata.custom_metadata.unwrap_or_default(),
        }
    }
}

/// Interprets the body of a 404.
pub(super) fn not_found(message: &str, body: &str) -> KvRead {
    match serde_json::from_str::<DeletedAnswer>(body) {
        Ok(deleted) => deleted.data.into(),
        Err(_) => KvRead::Nothing(message.to_owned()),
    }
}
