//! The session: streams, environment and clients of the stores.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::secret_reference::{SecretReference, StoreKind};
use super::store::AnyStore;
use crate::cli::exit::CommandFailure;
use crate::cli::terminal::output::Output;
use crate::cli::terminal::printable::LogLines;
use crate::log_filter::{UnknownFilter, is_beyond_this_build, log_filter, log_filter_or_default};
use crate::platform::{Endpoints, Platforms};
use crate::rotation::{Result as Rotated, Rotator, SystemClock};
use crate::store::aws::AwsSecretsManager;
use crate::store::aws::sdk_config::{AwsAccess, discover};
use crate::store::file::FileStore;
use crate::store::vault::VaultKv;

/// The environment variable that enables logging.
const LOG: &str = "ROTATOR_LOG";
/// The variable that other programs read too, if [`LOG`] is not set.
const SHARED_LOG: &str = "RUST_LOG";

type VariableLookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The streams, the environment and the clients of the stores.
pub struct Session {
    /// The output streams.
    pub output: Output,
    /// The clock.
    pub(crate) clock: SystemClock,
    environment: VariableLookup,
    aws: Mutex<HashMap<AwsAccess, Arc<OnceCell<AwsSecretsManager>>>>,
    vault: OnceCell<VaultKv>,
}

impl Session {
    /// Creates a session with these streams and this environment.
    pub fn new(output: Output, environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            output,
            clock: SystemClock,
            environment: Box::new(environment),
            aws: Mutex::default(),
            vault: OnceCell::new(),
        }
    }

    /// Logs to stderr if `ROTATOR_LOG` or `RUST_LOG` is set.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if `ROTATOR_LOG` is no level and no filter.
    pub fn start_log(&mut self) -> Result<(), CommandFailure> {
        let set = |name: &str| (self.environment)(name).filter(|text| !text.trim().is_empty());
        let filter = match (set(LOG), set(SHARED_LOG)) {
            (Some(text), _) => {
                let wrong = |error| CommandFailure::usage(format!("{LOG}: {error}"), UnknownFilter::HINT);
                let filter = log_filter(Some(&text)).map_err(wrong)?;
                if is_beyond_this_build(&filter) {
                    self.output.warning(
                        &format!("{LOG}: this build logs at the levels error, warn and info only"),
                        "a debug build (`cargo build`) also has the levels debug and trace",
                    );
                }
                filter
            }
            // It may be meant for another program.
            (None, Some(text)) => log_filter_or_default(Some(&text)).0,
            (None, None) => return Ok(()),
        };
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(|| LogLines)
            .with_ansi(false)
            // Write errors of stderr cannot be reported on stderr.
            .log_internal_errors(false);
        // Fails only if this process has a subscriber already.
        tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().ok();
        // A progress bar and log lines would overwrite each other.
        self.output.is_watched = false;
        self.output.is_redrawn = false;
        Ok(())
    }

    /// An environment variable; `None` if it is unset or empty.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// All platforms, at the addresses that the environment sets.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for an address that is not allowed.
    pub(crate) fn platforms(&self) -> Result<Platforms, CommandFailure> {
        Endpoints::from_lookup(&self.environment).map(Platforms::new).map_err(|error| CommandFailure::settings(&error))
    }

    /// Secrets Manager of an account and region. Each configuration is loaded once.
    pub(crate) async fn aws(&self, access: &AwsAccess) -> AwsSecretsManager {
        let cell = self.aws.lock().entry(access.clone()).or_default().clone();
        let load = || async { AwsSecretsManager::new(&discover(access).await).with_write_limit() };
        cell.get_or_init(load).await.clone()
    }

    /// KV of Vault or OpenBao. The settings are read once.
    pub(crate) async fn vault(&self) -> Rotated<VaultKv> {
        let read = || async { VaultKv::from_lookup(&self.environment) };
        self.vault.get_or_try_init(read).await.cloned()
    }

    /// Validates the settings of these stores.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for invalid settings.
    pub(crate) async fn validate_settings(&self, stores: &[StoreKind]) -> Result<(), CommandFailure> {
        match stores.contains(&StoreKind::Vault) {
            true => self.vault().await.map(drop).map_err(|error| CommandFailure::settings(&error)),
            false => Ok(()),
        }
    }

    /// The store of a secret, and of the secrets that it names.
    ///
    /// # Errors
    /// The settings of the store are invalid.
    pub(crate) async fn store(&self, secret: &SecretReference) -> Rotated<AnyStore> {
        Ok(match secret.store {
            StoreKind::Aws => AnyStore::Aws(self.aws(&secret.access).await),
            StoreKind::File => AnyStore::File(FileStore::beside(&secret.id)),
            StoreKind::Vault => AnyStore::Vault(self.vault().await?),
        })
    }

    /// A rotator for a secret.
    ///
    /// # Errors
    /// The settings of the store are invalid.
    pub(crate) async fn rotator<I>(
        &self,
        secret: &SecretReference,
        issuer: I,
    ) -> Rotated<Rotator<AnyStore, I, SystemClock>> {
        let store = self.store(secret).await?;
        Ok(Rotator::new(store, issuer, self.clock))
    }
}
