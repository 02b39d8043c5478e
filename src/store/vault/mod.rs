//! A secret in KV version 2 of Vault or OpenBao: the document's fields are the KV secret's own keys.
//!
//! KV has no labels. What is staged waits at a path of its own, `genesys-rotator/pending/PATH` of the
//! same mount, with the ids of the versions; readers need no access to it. Every write is
//! check-and-set, and promoting is one write on the readers' path (KV secrets engine, version 2,
//! HTTP API, "Create/update secret").
//!
//! KV keeps JSON, not text: it hands keys out in alphabetical order, whatever order they were written in,
//! and OpenBao makes a 64-bit floating point number of every number (`1.0` becomes `1`) when it is first
//! stored. What is read is written back as it was read, so that a rotation adds nothing to that.

mod connection;
mod endpoint;
mod failure;
mod location;
mod login;
mod meaning;
mod settings;
mod state;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use self::connection::Connection;
use self::endpoint::{Found, Stored};
use self::failure::Call;
use self::location::Location;
use self::settings::Settings;
use self::state::{Ahead, Pending, State};
use crate::rotation::{
    Description, Document, ErrorKind, Result, RotationError, SecretId, SecretStore, Staged, StoredValue, VersionId,
    VersionSelector, WriteAhead,
};
use crate::secret::{SecretString, same};

/// Takes a secret's id for `MOUNT/PATH`. Clones share one login.
#[derive(Clone)]
pub struct VaultKv {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    connection: OnceCell<Connection>,
    locations: Mutex<HashMap<SecretId, Location>>,
}

/// A secret as it was found, and what is known beside it.
struct Seen {
    location: Location,
    document: Stored,
    state: State,
    /// What a write of the state must find there.
    state_version: u64,
}

impl VaultKv {
    /// Reads address, namespace and login through a lookup of environment variables, each as `BAO_…` or
    /// `VAULT_…`: `ADDR`, `CACERT`, `NAMESPACE`; `TOKEN`, or `ROLE_ID` and `SECRET_ID` (both also as `…_FILE`), or
    /// `KUBERNETES_ROLE`, or the file that `bao login` and `vault login` leave. It logs in at the first call.
    ///
    /// # Errors
    /// [`ErrorKind::ConfigurationInvalid`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let settings = Settings::from_lookup(lookup)?;
        let shared = Shared { settings, connection: OnceCell::new(), locations: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn connection(&self) -> Result<&Connection> {
        self.shared.connection.get_or_try_init(|| Connection::open(&self.shared.settings)).await
    }

    /// Which part of the id is the mount, asked once for each secret.
    async fn locate(&self, secret: &SecretId) -> Result<Location> {
        let known = self.shared.locations.lock().unwrap_or_else(PoisonError::into_inner).get(secret).cloned();
        if let Some(location) = known {
            return Ok(location);
        }
        let location = Location::find(secret.as_str(), self.connection().await?).await?;
        let mut locations = self.shared.locations.lock().unwrap_or_else(PoisonError::into_inner);
        locations.insert(secret.clone(), location.clone());
        Ok(location)
    }

    async fn look(&self, secret: &SecretId) -> Result<Seen> {
        let (location, connection) = (self.locate(secret).await?, self.connection().await?);
        let (document, state) = tokio::join!(document(connection, &location), state(connection, &location));
        let document = document?;
        let (state, state_version) = state?;
        let state = state.settled(&document);
        Ok(Seen { location, document, state, state_version })
    }

    async fn write_state(&self, seen: &Seen, state: &State) -> Result<Stored> {
        let (connection, path) = (self.connection().await?, seen.location.pending());
        let written = connection.write(&path, &state.to_json(), seen.state_version).await;
        let call = Call { action: "write", capability: "create\", \"update", path: &path };
        let written = written.map_err(|refusal| call.failed(refusal))?;
        if seen.state_version == 0 {
            // Older states hold tokens that were dropped, and nobody needs them.
            let kept = connection.keep_one_version(&seen.location.pending_metadata()).await;
            best_effort("limit the pending path to one version", kept.map_err(|refusal| call.failed(refusal)));
        }
        Ok(written)
    }

    async fn change_ahead(&self, secret: &SecretId, ahead: Option<Ahead>) -> Result<()> {
        let seen = self.look(secret).await?;
        let state = State { ahead, ..seen.state.clone() };
        self.write_state(&seen, &state).await.map(drop)
    }

    /// Tells people who look at the secret in Vault what it is. The document says the same, and is what counts.
    async fn tell(&self, seen: &Seen, text: &str) -> Result<()> {
        let document = Document::parse(&SecretString::from(text))?;
        let mut metadata = seen.document.custom_metadata.clone();
        metadata.insert("platform".to_owned(), document.platform()?);
        metadata.insert("rotated_by".to_owned(), concat!("genesys-rotator/", env!("CARGO_PKG_VERSION")).to_owned());
        metadata.extend(document.expires_at().map(|end| ("expires_at".to_owned(), end.to_string())));
        let (connection, path) = (self.connection().await?, seen.location.metadata());
        let call = Call { action: "write", capability: "create\", \"update", path: &path };
        connection.set_custom_metadata(&path, &metadata).await.map_err(|refusal| call.failed(refusal))
    }
}

impl SecretStore for VaultKv {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        let seen = self.look(secret).await?;
        let versions = seen.state.labelled(&seen.document);
        Ok(Description { name: secret.as_str().to_owned(), versions, ..Description::default() })
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        let text = match selector {
            VersionSelector::Current => {
                Some(document(self.connection().await?, &self.locate(secret).await?).await?.text)
            }
            VersionSelector::Pending(version) => self.look(secret).await?.state.take_staged(version),
            VersionSelector::Previous => None,
        };
        Ok(text.map(|text| SecretString::from(text.as_str()).into()))
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let seen = self.look(secret).await?;
        // KV takes nothing but objects, and would say so only when promoting.
        Document::parse(value)?;
        if let Some(held) = seen.state.staged(version) {
            let held = SecretString::from(held.document.as_str());
            return Ok(if same(&held, value) { Staged::Stored } else { Staged::HeldAnother });
        }
        if let Some(pending) = &seen.state.pending {
            return Err(conflict(format!("the version {} is staged already", pending.version)));
        }
        let pending = Pending {
            version: version.as_str().to_owned(),
            document: Zeroizing::new(value.expose_secret().to_owned()),
            follows: seen.document.version,
        };
        let state = State { pending: Some(pending), ..seen.state.clone() };
        self.write_state(&seen, &state).await?;
        Ok(Staged::Stored)
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, holder: Option<&VersionId>) -> Result<()> {
        let seen = self.look(secret).await?;
        let Some(staged) = seen.state.staged(version) else {
            return Err(conflict(format!("the version {version} is not staged any more")));
        };
        if holder.is_some_and(|holder| holder.as_str() != seen.state.current_id(&seen.document)) {
            return Err(conflict("the document was changed by somebody else meanwhile".to_owned()));
        }
        // Whatever was written since is not in what is staged, and would be lost.
        if staged.follows != seen.document.version {
            return Err(conflict(format!("the document was changed after the version {version} was staged")));
        }
        let path = seen.location.data();
        let call = Call { action: "write", capability: "update", path: &path };
        let written = self.connection().await?.write(&path, &staged.document, staged.follows).await;
        let written = written.map_err(|refusal| call.failed(refusal))?;
        // Whoever looks next finds that what is staged is what is current, and takes it for promoted.
        let state = seen.state.promoted(&seen.document, &written);
        best_effort("write down what was promoted", self.write_state(&seen, &state).await.map(drop));
        best_effort("set the custom metadata", self.tell(&seen, &staged.document).await);
        Ok(())
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let seen = self.look(secret).await?;
        if seen.state.staged(version).is_none() {
            return Ok(());
        }
        let state = State { pending: None, ..seen.state.clone() };
        self.write_state(&seen, &state).await.map(drop)
    }
}

impl WriteAhead for VaultKv {
    async fn write_intent(&self, secret: &SecretId, value: &SecretString, _: Option<&SecretString>) -> Result<()> {
        let value = Zeroizing::new(value.expose_secret().to_owned());
        self.change_ahead(secret, Some(Ahead { version: VersionId::random().as_str().to_owned(), value })).await
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        let ahead = self.look(secret).await?.state.ahead;
        Ok(ahead.map(|ahead| SecretString::from(ahead.value.as_str())))
    }

    async fn clear_intent(&self, secret: &SecretId, _: &VersionId) -> Result<()> {
        self.change_ahead(secret, None).await
    }
}

/// What readers read.
async fn document(connection: &Connection, location: &Location) -> Result<Stored> {
    let path = location.data();
    match connection.read(&path).await {
        Ok(Found::Value(stored)) => Ok(stored),
        Ok(Found::Gone { version, destroyed }) => Err(location.gone(version, destroyed)),
        Ok(Found::Nothing(why)) => Err(location.missing(&why)),
        Err(refusal) => Err(Call { action: "read", capability: "read", path: &path }.failed(refusal)),
    }
}

/// What is known beside the document, and its version in KV; 0 where there never was any.
async fn state(connection: &Connection, location: &Location) -> Result<(State, u64)> {
    let path = location.pending();
    match connection.read(&path).await {
        Ok(Found::Value(stored)) => Ok((State::parse(&stored, &path)?, stored.version)),
        Ok(Found::Gone { version, .. }) => Ok((State::default(), version)),
        Ok(Found::Nothing(_)) => Ok((State::default(), 0)),
        Err(refusal) => Err(Call { action: "read", capability: "read", path: &path }.failed(refusal)),
    }
}

/// The secret is as it should be without this.
fn best_effort(what: &str, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(error.r#type = error.kind().name(), "could not {what}: {}", error.chain());
    }
}

fn conflict(message: String) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, message)
}

/// The address alone: the rest leads to tokens.
impl fmt::Debug for VaultKv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultKv")
            .field("address", &self.shared.settings.address.as_str())
            .finish_non_exhaustive()
    }
}
