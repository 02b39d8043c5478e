//! In-place rotation: a new secret for a config's own OAuth client.
//!
//! The platform knows one secret for each client: the stored one is invalid from the moment of the regenerate. So a
//! token that can regenerate the secret again is stored first (write-ahead), and the new secret is stored before any
//! other step. After a crash or a lost answer, the next attempt or the background task completes the rotation.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::role_tokens::RoleTokens;
use crate::engine::failure::{logged_failure, to_failure};
use crate::engine::minting::Minting;
use crate::engine::static_roles::role::key;
use crate::engine::storage::config::{Config, PREFIX};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::stored_secret;
use crate::rotation::{Deadline, ErrorKind, LATE, NewToken, Result as RotationResult, RotationError};
use crate::secret::{SecretString, same};
use openbao_plugin::{Failure, Response};

/// The prefix of the write-ahead entries' storage keys.
pub(crate) const INTENTS: &str = "root-intent/";

/// How long a rotation may take. A new secret may need ten seconds to propagate.
pub(super) const ROTATION: Duration = Duration::from_secs(60);
/// The time after the start of a rotation from which its last request is no longer carried out.
pub(super) const SETTLED: Duration = ROTATION.saturating_add(LATE);

/// A write-ahead entry: a token that can regenerate the client secret.
#[derive(Deserialize, Serialize)]
pub(crate) struct RootIntent {
    /// The client whose secret is regenerated. After a change of the config's client the entry is obsolete.
    client_id: String,
    #[serde(with = "stored_secret")]
    token: SecretString,
    /// The time from which no request of the rotation is carried out, in Unix seconds.
    #[serde(default)]
    settled_at: i64,
    /// Whether the new secret is stored, and the platform did not accept it in time: until `settled_at` it may propagate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_propagating: bool,
}

impl RootIntent {
    fn new(client_id: String, token: SecretString, now: Timestamp) -> Self {
        Self { client_id, token, settled_at: (now + SETTLED).as_second(), is_propagating: false }
    }

    /// Whether no request of the rotation is carried out any more.
    fn is_settled(&self, now: Timestamp) -> bool {
        self.settled_at <= now.as_second()
    }

    fn is_for(&self, config: &Config) -> bool {
        self.client_id == config.client_id()
    }
}

/// Regenerates the secrets of configs' own clients.
#[derive(Clone)]
pub(crate) struct InPlaceRotation {
    pub(crate) entries: Entries,
    pub(crate) minting: Minting,
    pub(crate) role_tokens: RoleTokens,
}

impl InPlaceRotation {
    /// Regenerates the secret of a config's client, and stores it. The caller holds the config's lock.
    ///
    /// # Errors
    /// The platform's error or the host's.
    pub(crate) async fn rotate(&self, name: &str, config: &Config, deadline: Deadline) -> Result<Response, Failure> {
        let (token, is_settled) = self.write_ahead(name, config, deadline).await?;
        let (renewed, propagated) = self.regenerate(name, config, &token, deadline).await?;
        // If one of them fails, the background task completes the rotation.
        let replaced = self.replace_revoked_tokens(name, &renewed, &token, deadline).await;
        if is_settled && propagated.is_ok() && replaced.is_ok() {
            self.clear_intent(name, &renewed, &token, deadline).await?;
        }
        Ok(match propagated {
            Ok(()) => Response::empty(),
            Err(error) => Response::empty().warning(not_accepted_yet(&error)),
        })
    }

    /// The configs whose rotation was interrupted.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn interrupted(&self) -> Result<Vec<String>, Failure> {
        self.entries.list(INTENTS).await
    }

    /// Completes an interrupted rotation. Keeps the write-ahead entry while a request of that rotation may still be carried
    /// out, which would invalidate the stored secret. The caller holds the config's lock.
    ///
    /// # Errors
    /// The platform's error or the host's.
    pub(crate) async fn heal(&self, name: &str, deadline: Deadline) -> Result<(), Failure> {
        let Some(config) = self.entries.get::<Config>(&key(PREFIX, name)).await? else {
            return self.entries.delete(&key(INTENTS, name)).await;
        };
        let intent = match self.entries.get::<RootIntent>(&key(INTENTS, name)).await {
            Ok(Some(intent)) => intent,
            Ok(None) => return Ok(()),
            // Replaces the entry, which is handled at the next look.
            Err(Failure::Internal(_)) => return self.write_ahead(name, &config, deadline).await.map(drop),
            Err(failure) => return Err(failure),
        };
        match self.minting.check_credentials(&config, deadline).await {
            Err(error) if error.kind() == ErrorKind::CredentialsRejected && !intent.is_for(&config) => {
                self.clear_intent(name, &config, &intent.token, deadline).await
            }
            Ok(()) => {
                self.replace_revoked_tokens(name, &config, &intent.token, deadline).await?;
                match intent.is_settled(self.minting.now()) {
                    true => self.clear_intent(name, &config, &intent.token, deadline).await,
                    false => Ok(()),
                }
            }
            Err(error)
                if error.kind() == ErrorKind::CredentialsRejected
                    && intent.is_propagating
                    && !intent.is_settled(self.minting.now()) =>
            {
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                let again = RootIntent::new(intent.client_id, intent.token, self.minting.now());
                self.entries.put(&key(INTENTS, name), &again).await?;
                let (renewed, _) = self.regenerate(name, &config, &again.token, deadline).await?;
                tracing::warn!(config.name = name, "the client secret was lost, and was regenerated");
                self.replace_revoked_tokens(name, &renewed, &again.token, deadline).await
            }
            Err(error) => Err(to_failure(&error)),
        }
    }

    /// Stores a token that can regenerate the secret. Nothing is regenerated before. Also returns whether no request of an
    /// interrupted rotation can still be carried out: if one can, the entry outlives this rotation.
    async fn write_ahead(
        &self,
        name: &str,
        config: &Config,
        deadline: Deadline,
    ) -> Result<(SecretString, bool), Failure> {
        let key = key(INTENTS, name);
        let (former, is_settled) = match self.entries.get::<RootIntent>(&key).await {
            Ok(former) => {
                let former = former.filter(|former| former.is_for(config));
                let is_settled = former.as_ref().is_none_or(|former| former.is_settled(self.minting.now()));
                (former, is_settled)
            }
            // A damaged entry says neither.
            Err(Failure::Internal(_)) => (None, false),
            Err(failure) => return Err(failure),
        };
        let minted = self.minting.mint_for_admin(config, deadline).await;
        match (minted, former) {
            (Ok(NewToken { token, guard, .. }), former) => {
                let intent = RootIntent::new(config.client_id(), token.access_token, self.minting.now());
                let stored = async {
                    if let Some(former) = &former {
                        // That entry is the only sign of tokens that were revoked and not replaced.
                        self.replace_revoked_tokens(name, config, &former.token, deadline).await?;
                    }
                    let mut put = self.entries.put(&key, &intent).await;
                    // A failed request may have been carried out.
                    if put.is_err() && self.is_stored(&key, &intent).await {
                        put = Ok(());
                    }
                    if put.is_ok() {
                        guard.commit();
                    }
                    put
                };
                self.minting.tokens().settle(deadline, stored).await?;
                if let Some(former) = former {
                    self.minting.discard(config, &former.token, deadline).await;
                }
                Ok((intent.token, is_settled))
            }
            // An earlier rotation regenerated the secret, and the new secret is unknown.
            (Err(error), Some(former)) if error.kind() == ErrorKind::CredentialsRejected => {
                let again = RootIntent::new(former.client_id, former.token, self.minting.now());
                self.entries.put(&key, &again).await?;
                Ok((again.token, is_settled))
            }
            (Err(error), _) => Err(logged_failure(&error)),
        }
    }

    async fn is_stored(&self, key: &str, intent: &RootIntent) -> bool {
        let stored = self.entries.get::<RootIntent>(key).await;
        stored.is_ok_and(|stored| stored.is_some_and(|stored| same(&stored.token, &intent.token)))
    }

    /// Regenerates the secret and stores it. Also returns whether the platform accepts it already.
    async fn regenerate(
        &self,
        name: &str,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<(Config, RotationResult<()>), Failure> {
        let (tokens, client_id) = (self.minting.tokens(), config.client_id());
        let secret = tokens.regenerate(&config.place(), &client_id, token, deadline).await;
        let secret = secret.map_err(|error| logged_failure(&with_recovery(error, &client_id)))?;
        let renewed = config.with_client_secret(&secret).map_err(|error| to_failure(&error))?;
        renewed.store(&self.entries, name).await?;
        let propagated = tokens.await_new_secret(&renewed.credentials(), deadline).await;
        if let Err(error) = &propagated {
            tracing::warn!(config.name = name, "{}", not_accepted_yet(error));
            let intent = RootIntent::new(client_id, token.clone(), self.minting.now());
            self.entries.put(&key(INTENTS, name), &RootIntent { is_propagating: true, ..intent }).await?;
        }
        Ok((renewed, propagated))
    }

    /// Replaces the tokens of the config's roles if the platform revoked the client's tokens together with its former
    /// secret, as some organisations do. The token of the write-ahead entry shows it.
    async fn replace_revoked_tokens(
        &self,
        name: &str,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        match self.minting.is_rejected(config, token, deadline).await {
            Ok(true) => self.role_tokens.replace_revoked(name, config, deadline).await,
            Ok(false) => Ok(()),
            Err(error) => Err(logged_failure(&error)),
        }
    }

    async fn clear_intent(
        &self,
        name: &str,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let key = key(INTENTS, name);
        let deleted = self.entries.delete(&key).await;
        // The token of an entry that is still stored must work. A failed request may have been carried out.
        if deleted.is_err() && !matches!(self.entries.get::<RootIntent>(&key).await, Ok(None)) {
            return deleted;
        }
        self.minting.discard(config, token, deadline).await;
        Ok(())
    }
}

fn not_accepted_yet(error: &RotationError) -> String {
    format!("the new secret is stored, but the platform does not accept it yet: {error}; the engine checks it again")
}

/// The platform may have regenerated the secret, with the answer lost.
fn with_recovery(error: RotationError, client_id: &str) -> RotationError {
    let hint = format!(
        "wait: the engine retries with a stored token. If the error stays and that token is rejected (TokenRejected), regenerate the secret of the OAuth client {client_id} manually (Admin > Integrations > OAuth) and write it to config/. ({})",
        error.hint()
    );
    error.with_hint(hint)
}
