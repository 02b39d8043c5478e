//! A new secret for a config's own OAuth client.
//!
//! The platform knows one secret for each client: from the moment at which it makes a new one the stored one is dead. So a
//! token that can make yet another one is written down before, and the new secret is stored before anything else. What a
//! crash or a lost answer leaves behind is put right by the next attempt or by the task that looks after the mount.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::GenesysMount;
use crate::engine::failure::{failure, told};
use crate::engine::static_roles::role::{ROLES as STATIC_ROLES, StaticRole, key};
use crate::engine::storage::config::{Config, PREFIX, Succession};
use crate::engine::storage::role::{PREFIX as ROLES, Role};
use crate::engine::storage::stored_secret;
use crate::engine::tokens::shared_token::SharedToken;
use crate::rotation::{Deadline, ErrorKind, RotationError, TokenIssuer, TokenKind};
use crate::secret::SecretString;
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, Response};

/// Where it is written down that a secret is being replaced.
pub(crate) const INTENTS: &str = "root-intent/";
/// How long the whole of it may take; a new secret may take ten seconds to be known everywhere.
const ROTATION: Duration = Duration::from_secs(60);
/// How often the new secret is written before that is given up.
const WRITES: usize = 3;

/// A token that can make the client's secret anew.
#[derive(Deserialize, Serialize)]
struct Intent {
    /// Whose secret is being replaced. The config may have been given another client since, whose secret is not the
    /// engine's to replace.
    client_id: String,
    #[serde(with = "stored_secret")]
    token: SecretString,
}

impl Intent {
    fn is_for(&self, config: &Config) -> bool {
        self.client_id == config.client_id()
    }
}

impl GenesysMount {
    /// Has the platform make a new secret for a config's client, and stores it.
    ///
    /// # Errors
    /// What the platform or the host says. Where the new secret may be lost, it is made anew by itself.
    pub(crate) async fn rotate_root(&self, name: &str) -> Result<Response, Failure> {
        let _alone = self.configs.hold(name).await;
        self.refuse_on_standby().await?;
        let config = Config::of_role(&self.entries, name).await?;
        self.refuse_if_shared(name, &config).await?;
        let deadline = Deadline::after(ROTATION);
        let answer = match config.succession() {
            Succession::InPlace => {
                let token = self.token_written_ahead(name, &config, deadline).await?;
                self.replace_secret(name, &config, &token, deadline).await?
            }
            Succession::NextClient { idle, admin } => self.next_client(name, &config, idle, admin, deadline).await?,
            Succession::NextAccessKey { in_use, former } => {
                self.next_access_key(name, &config, (in_use, former), deadline).await?
            }
            Succession::None => {
                let hint = "have NICE give the older application a new secret, and write it to config/";
                return Err(refuse("the secret of an older application of nice-cxone cannot be rotated", hint));
            }
        };
        tracing::info!(config.name = name, "the config has a new secret");
        Ok(answer)
    }

    /// Puts right what a crash or a lost answer left behind.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn heal_roots(&self) -> Result<(), Failure> {
        for name in self.entries.list(INTENTS).await? {
            let Some(_alone) = self.configs.try_hold(&name) else { continue };
            if let Err(why) = self.heal_root(&name).await {
                tracing::error!(
                    config.name = name,
                    "a client's secret was being replaced, and is not known yet: {why}"
                );
            }
        }
        Ok(())
    }

    async fn heal_root(&self, name: &str) -> Result<(), Failure> {
        let Some(intent) = self.entries.get::<Intent>(&key(INTENTS, name)).await? else { return Ok(()) };
        let Some(config) = self.entries.get::<Config>(&key(PREFIX, name)).await? else {
            return self.entries.delete(&key(INTENTS, name)).await;
        };
        let deadline = Deadline::after(ROTATION);
        match self.tokens().try_out(&config.credentials(), &[], deadline).await {
            Ok(_) => self.forget_intent(name, &config, &intent.token, deadline).await,
            Err(error) if error.kind() == ErrorKind::CredentialsRejected && !intent.is_for(&config) => {
                self.forget_intent(name, &config, &intent.token, deadline).await
            }
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                self.replace_secret(name, &config, &intent.token, deadline).await?;
                tracing::warn!(config.name = name, "the client's secret had got lost, and was made anew");
                Ok(())
            }
            Err(error) => Err(told(&error)),
        }
    }

    /// A token that may make the secret anew. Nothing is touched before it is stored.
    async fn token_written_ahead(
        &self,
        name: &str,
        config: &Config,
        deadline: Deadline,
    ) -> Result<SecretString, Failure> {
        let (key, credentials) = (key(INTENTS, name), config.credentials());
        let minted = self.tokens().mint(&credentials, &TokenKind::Access, &[], deadline).await;
        let begun = self.entries.get::<Intent>(&key).await?.filter(|begun| begun.is_for(config));
        match (minted, begun) {
            (Ok((token, _)), begun) => {
                let intent = Intent { client_id: config.client_id(), token: token.access_token };
                if let Err(failure) = self.entries.put(&key, &intent).await {
                    self.tokens().discard(&credentials, &intent.token, deadline).await;
                    return Err(failure);
                }
                if let Some(begun) = begun {
                    self.tokens().discard(&credentials, &begun.token, deadline).await;
                }
                Ok(intent.token)
            }
            // The secret was replaced before, and the new one is not known.
            (Err(error), Some(begun)) if error.kind() == ErrorKind::CredentialsRejected => Ok(begun.token),
            (Err(error), _) => Err(failure(&error)),
        }
    }

    async fn replace_secret(
        &self,
        name: &str,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<Response, Failure> {
        let client_id = config.client_id();
        let secret = self.tokens().regenerate(&config.place(), &client_id, token, deadline).await;
        let secret = secret.map_err(|error| failure(&with_way_out(error, &client_id)))?;
        let renewed = config.with_client_secret(&secret).map_err(|error| told(&error))?;
        self.write_config(name, &renewed).await?;
        let known = self.tokens().await_new_secret(&renewed.credentials(), deadline).await;
        let have_died = matches!(
            self.platforms.verify(&renewed.credentials(), token, &[]).await,
            Err(error) if error.kind() == ErrorKind::TokenRejected
        );
        self.forget_intent(name, &renewed, token, deadline).await?;
        if have_died {
            self.replace_tokens_of(name).await?;
        }
        Ok(match known {
            Ok(()) => Response::empty(),
            Err(error) => Response::empty()
                .warning(format!("the new secret is stored, and the platform does not take it yet: {error}")),
        })
    }

    /// Nobody else knows the new secret, so this is tried more than once.
    pub(crate) async fn write_config(&self, name: &str, config: &Config) -> Result<(), Failure> {
        let mut written = self.entries.put(&Config::key(name), config).await;
        for _ in 1..WRITES {
            if written.is_ok() {
                break;
            }
            written = self.entries.put(&Config::key(name), config).await;
        }
        written
    }

    async fn forget_intent(
        &self,
        name: &str,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        self.tokens().discard(&config.credentials(), token, deadline).await;
        self.entries.delete(&key(INTENTS, name)).await
    }

    /// With some organisations a client's tokens die together with its former secret. What the engine keeps is made anew.
    async fn replace_tokens_of(&self, config: &str) -> Result<(), Failure> {
        tracing::warn!(config.name = config, "tokens that were issued with the former secret have died with it");
        for role in self.entries.list(ROLES).await? {
            let uses = self.entries.get::<Role>(&Role::key(&role)).await;
            if uses.is_ok_and(|uses| uses.is_some_and(|uses| uses.config == config)) {
                self.entries.delete(&SharedToken::key(&role)).await?;
            }
        }
        for name in self.entries.list(STATIC_ROLES).await? {
            let _alone = self.rotations.hold(&name).await;
            let Ok(Some(role)) = self.entries.get::<StaticRole>(&key(STATIC_ROLES, &name)).await else { continue };
            if role.settings.config == config {
                // It is logged, written down in the role, and tried again.
                let _ = self.rotate_static(&name, &role).await;
            }
        }
        Ok(())
    }
}

/// The platform may have made a secret that nobody was told.
fn with_way_out(error: RotationError, client_id: &str) -> RotationError {
    let hint = format!(
        "nothing has to be done unless this stays: the engine tries again with a token that it kept for this. If that token is dead as well (TokenRejected), regenerate the secret of the OAuth client {client_id} by hand (Admin > Integrations > OAuth) and write it to config/. ({})",
        error.hint()
    );
    error.with_hint(hint)
}
