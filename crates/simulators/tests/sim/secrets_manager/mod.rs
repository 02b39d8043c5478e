//! The Secrets Manager simulator, through HTTP and the unmodified AWS SDK.

mod label_events;
mod labels;
mod lifecycle;
mod model;
mod protocol;
mod recorded;
mod rotation;
mod schedule;
mod values;

use std::fmt::Debug;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use simulators::faults::Faults;
use simulators::http::Server;
use simulators::journal::Journal;
use simulators::secrets_manager::{SecretsManager, SecretsManagerSettings};

/// A version id with this last digit.
fn id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02}")
}

/// A simulator on its own port, and a client.
struct Simulator {
    service: SecretsManager,
    client: Client,
    url: String,
    _server: Server,
}

impl Simulator {
    async fn start() -> Self {
        Self::with(SecretsManagerSettings::default()).await
    }

    async fn with(settings: SecretsManagerSettings) -> Self {
        let service = SecretsManager::new(settings);
        let server = Server::start(0, Arc::new(service.clone()), Faults::default(), Journal::default());
        let server = server.await.expect("a free port");
        let (url, client) = (server.url(), client(&server.url()));
        Self { service, client, url, _server: server }
    }

    /// Creates the secret `s` with the version `id(1)` and the value `one`.
    async fn with_secret(self) -> Self {
        self.client
            .create_secret()
            .name("s")
            .client_request_token(id(1))
            .secret_string("one")
            .send()
            .await
            .expect("new");
        self
    }

    async fn put(&self, version: u8, value: &str, labels: &[&str]) {
        let put = self.client.put_secret_value().secret_id("s").client_request_token(id(version)).secret_string(value);
        let labels = (!labels.is_empty()).then(|| labels.iter().map(|label| (*label).to_owned()).collect());
        put.set_version_stages(labels).send().await.expect("it is put");
    }

    /// The versions of `s` as `number: labels`.
    fn labels(&self) -> Vec<String> {
        let show = |id: &str| id[34..].trim_start_matches('0').to_owned();
        let versions = self.service.versions("s");
        versions.iter().map(|version| format!("{}: {}", show(&version.id), version.labels.join(" "))).collect()
    }
}

fn client(url: &str) -> Client {
    client_of(url, "AKIDEXAMPLE")
}

fn client_of(url: &str, access_key: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url);
    Client::from_conf(config.build())
}

/// The error's code and message.
fn refused<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(answer: Result<T, SdkError<E, R>>) -> (String, String) {
    let error = answer.expect_err("it is refused");
    let code = error.code().unwrap_or_else(|| panic!("an error of the service, not {error:?}")).to_owned();
    (code, error.message().unwrap_or_default().to_owned())
}

/// The error's code.
fn code<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(answer: Result<T, SdkError<E, R>>) -> String {
    refused(answer).0
}
