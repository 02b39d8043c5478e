//! A second client, or a second access key, in the place of a config's own.
//!
//! The one in use works on until the other one was proved and is stored, so that nothing is lost with a crash or an answer:
//! the next attempt makes another secret or key.

use crate::engine::GenesysMount;
use crate::engine::failure::{failure, told};
use crate::engine::storage::config::{Config, PREFIX};
use crate::rotation::{Deadline, KeyPair, TokenKind};
use crate::secret::SecretString;
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, Response};

impl GenesysMount {
    /// Gives the idle client a new secret, and puts it in the place of the one in use.
    ///
    /// # Errors
    /// What the platform or the host says; the config is as it was then.
    pub(crate) async fn next_client(
        &self,
        name: &str,
        config: &Config,
        idle: &str,
        admin: &str,
        deadline: Deadline,
    ) -> Result<Response, Failure> {
        let admin = match admin == name {
            true => config.clone(),
            false => Config::of_role(&self.entries, admin).await?,
        };
        let token = self.token_for_edits(&admin, deadline).await?;
        let secret = self.tokens().regenerate(&config.place(), idle, &token, deadline).await;
        self.tokens().discard(&admin.credentials(), &token, deadline).await;
        let client = KeyPair { id: idle.to_owned(), secret: secret.map_err(|error| failure(&error))? };
        let next = config.with_next_client(&client).map_err(|error| told(&error))?;
        self.tokens().await_new_secret(&next.credentials(), deadline).await.map_err(|error| failure(&error))?;
        self.write_config(name, &next).await?;
        Ok(Response::empty())
    }

    /// Gives the user of the access key another one, and deletes the one before the present one.
    ///
    /// # Errors
    /// What the platform or the host says; the config is as it was then.
    pub(crate) async fn next_access_key(
        &self,
        name: &str,
        config: &Config,
        ids: (&str, Option<&str>),
        deadline: Deadline,
    ) -> Result<Response, Failure> {
        let (place, tokens) = (config.place(), self.tokens());
        let token = self.token_for_edits(config, deadline).await?;
        let key = tokens.succeed_access_key(&place, ids, &token, deadline).await.map_err(|error| failure(&error))?;
        let next = config.with_next_access_key(&key).map_err(|error| told(&error))?;
        if let Err(error) = self.tokens().await_new_secret(&next.credentials(), deadline).await {
            tokens.discard_access_key(&place, &key.id, &token, deadline).await;
            return Err(failure(&error));
        }
        // A write whose answer was lost may have stored it: then this key must live.
        self.write_config(name, &next).await?;
        Ok(Response::empty())
    }

    /// Makes sure that no other config lives on what is about to die.
    ///
    /// # Errors
    /// A 400 that names the config, or what the host says.
    pub(crate) async fn refuse_if_shared(&self, name: &str, config: &Config) -> Result<(), Failure> {
        let Some(dying) = config.succession().dying(config) else { return Ok(()) };
        for other in self.entries.list(PREFIX).await? {
            // A damaged config gets no tokens anyway, and holds nothing up.
            let Ok(Some(stored)) = self.entries.get::<Config>(&Config::key(&other)).await else { continue };
            if other != name && stored.platform() == config.platform() && stored.lives_on(dying) {
                let sentence = format!("config/{other} holds {dying} as well, and would have a dead secret");
                return Err(refuse(sentence, "give each config a client or an access key of its own"));
            }
        }
        Ok(())
    }

    async fn token_for_edits(&self, config: &Config, deadline: Deadline) -> Result<SecretString, Failure> {
        let minted = self.tokens().mint(&config.credentials(), &TokenKind::Access, &[], deadline).await;
        minted.map(|(token, _)| token.access_token).map_err(|error| failure(&error))
    }
}

/// What a config says of a second client must be complete before anything is done with it.
///
/// # Errors
/// A 400 that says what is missing.
pub(crate) fn check_second_client(config: &Config) -> Result<(), Failure> {
    let (idle, admin) = config.second_client();
    match (idle, admin) {
        (Some(idle), Some(_)) if idle == config.credentials().id() => Err(refuse(
            "idle_client_id is the client in use",
            "make a second OAuth client with the same roles, and give its id",
        )),
        (Some(_), None) => Err(refuse(
            "idle_client_id has no admin_config",
            "admin_config names a config whose client may edit both (oauth:client:edit, and all of their roles)",
        )),
        (None, Some(_)) => Err(refuse(
            "admin_config has no idle_client_id",
            "give the id of a second OAuth client with the same roles as idle_client_id",
        )),
        _ => Ok(()),
    }
}
