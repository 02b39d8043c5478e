//! `support`: a bundle for a support request, without secrets.

use std::env::consts::{ARCH, OS};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tracing::level_filters::STATIC_MAX_LEVEL;
use url::Url;

use super::exit::{CommandFailure, ErrorJson, Exit};
use super::target::secret_reference::SecretReference;
use super::target::session::Session;
use super::terminal::human_time::parse_duration;
use super::terminal::output::Format;
use crate::rotation::{
    Clock, Deadline, Description, Document, Result as RotationResult, RetryPolicy, SecretStore, VersionSelector,
};

/// Variables whose values are shown.
const SHOWN: [&str; 13] = [
    "ROTATOR_LOG",
    "ROTATOR_METRIC_NAMESPACE",
    "RUST_LOG",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "VAULT_NAMESPACE",
    "BAO_NAMESPACE",
    "VAULT_AUTH_MOUNT",
    "BAO_AUTH_MOUNT",
    "LANG",
    "TERM",
    "CI",
];
/// Variables of which scheme, host and port are shown: the rest may hold credentials.
const ADDRESSES: [&str; 12] = [
    "ROTATOR_LOGIN_URL",
    "ROTATOR_API_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "VAULT_ADDR",
    "BAO_ADDR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];
/// Variables of which only the presence is shown.
const PRESENT: [&str; 28] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "VAULT_TOKEN",
    "VAULT_TOKEN_FILE",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_JWT_ROLE",
    "VAULT_KUBERNETES_ROLE",
    "VAULT_AWS_ROLE",
    "VAULT_CACERT",
    "BAO_TOKEN",
    "BAO_TOKEN_FILE",
    "BAO_ROLE_ID",
    "BAO_SECRET_ID",
    "BAO_JWT_ROLE",
    "BAO_KUBERNETES_ROLE",
    "BAO_AWS_ROLE",
    "BAO_CACERT",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GITHUB_ACTIONS",
];

/// The arguments of `support`.
#[derive(Debug, Args)]
pub struct SupportArgs {
    /// Secrets whose state is added: aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// Maximum duration of the read of each secret: 30s, 5m
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
}

#[derive(Serialize)]
struct Bundle {
    program: Program,
    environment: Vec<Variable>,
    secrets: Vec<SecretState>,
}

#[derive(Serialize)]
struct Program {
    name: &'static str,
    version: &'static str,
    system: String,
    /// The most detailed log level of this build.
    log_level: String,
    at: String,
}

#[derive(Serialize)]
struct Variable {
    name: &'static str,
    value: String,
}

/// The state of a secret. Only fields that the rotation writes or reads by name appear: any other may hold a secret.
#[derive(Serialize)]
struct SecretState {
    secret: String,
    /// The name or the ARN of the rotation function.
    rotation_function: Option<String>,
    rotation_enabled: Option<bool>,
    schedule: Option<String>,
    last_rotated: Option<String>,
    next_rotation: Option<String>,
    /// Labels, each with the id of its version.
    versions: Vec<String>,
    document: Option<DocumentState>,
    error: Option<ErrorJson>,
}

#[derive(Serialize)]
struct DocumentState {
    platform: String,
    region: Option<String>,
    client_id: Option<String>,
    /// The known fields that it has.
    fields: Vec<&'static str>,
    /// The number of other fields.
    other_fields: usize,
    issued_at: Option<String>,
    expires_at: Option<String>,
    error: Option<ErrorJson>,
}

/// Prints the bundle as JSON, which a person can read before sending it.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure. A secret that cannot be read is an error in the bundle.
pub async fn run(arguments: &SupportArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let secrets = arguments.secrets.iter().map(|typed| SecretReference::parse(typed)).collect::<Result<Vec<_>, _>>()?;
    let mut states = Vec::new();
    for secret in &secrets {
        let mut state = SecretState::of(&secret.typed);
        if let Err(error) = state.read(secret, session, Deadline::after(arguments.timeout)).await {
            state.error = Some(ErrorJson::from(&error));
        }
        states.push(state);
    }
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{OS} {ARCH}"),
        log_level: STATIC_MAX_LEVEL.to_string(),
        at: session.clock.now().to_string(),
    };
    let bundle = Bundle { program, environment: environment(session), secrets: states };
    match session.output.format {
        Format::Json => session.output.json(&bundle),
        Format::Text => match serde_json::to_string_pretty(&bundle) {
            Ok(text) => session.output.raw(&format!("{text}\n")),
            Err(error) => return Err(CommandFailure::usage(format!("the bundle is not JSON: {error}"), "report this")),
        },
    }
    session.output.note(
        "Read the bundle before you send it. It holds names of secrets, ids of clients, addresses and times, but no token and no client secret.",
    );
    Ok(Exit::Done)
}

fn environment(session: &Session) -> Vec<Variable> {
    let shown = SHOWN.into_iter().map(|name| (name, session.variable(name)));
    let address = |name| (name, session.variable(name).map(|value| origin(&value)));
    let present = |name| (name, session.variable(name).map(|_| "(set)".to_owned()));
    let all = shown.chain(ADDRESSES.into_iter().map(address)).chain(PRESENT.into_iter().map(present));
    all.filter_map(|(name, value)| Some(Variable { name, value: value? })).collect()
}

/// Scheme, host and port of an address.
fn origin(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if url.has_host() => {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        _ => "(set, and not an address)".to_owned(),
    }
}

impl SecretState {
    fn of(typed: &str) -> Self {
        Self {
            secret: typed.to_owned(),
            rotation_function: None,
            rotation_enabled: None,
            schedule: None,
            last_rotated: None,
            next_rotation: None,
            versions: Vec::new(),
            document: None,
            error: None,
        }
    }

    async fn read(&mut self, secret: &SecretReference, session: &Session, deadline: Deadline) -> RotationResult<()> {
        let (store, retries) = (session.store(secret).await?, RetryPolicy::default());
        let described = retries.run("describe the secret", deadline, || store.describe(&secret.id)).await?;
        self.describe(described);
        let read = || store.read(&secret.id, VersionSelector::Current);
        if let Some(value) = retries.run("read the secret", deadline, read).await? {
            self.document = Some(DocumentState::of(&Document::parse(&value.text)?));
        }
        Ok(())
    }

    fn describe(&mut self, described: Description) {
        self.rotation_function = described.rotation_function;
        self.rotation_enabled = described.rotation_enabled;
        self.schedule = described.rotation_rules.and_then(|rules| {
            rules.schedule_expression.or(rules.automatically_after_days.map(|days| format!("every {days} days")))
        });
        self.last_rotated = described.last_rotated.map(|time| time.to_string());
        self.next_rotation = described.next_rotation.map(|time| time.to_string());
        let labelled = described.versions.iter().map(|version| format!("{} {}", version.labels.join(" "), version.id));
        self.versions = labelled.collect();
    }
}

impl DocumentState {
    fn of(document: &Document) -> Self {
        let (fields, other_fields) = document.known_fields();
        let credentials = document.credentials();
        let place = document.place().ok();
        Self {
            platform: document.platform().unwrap_or_default(),
            region: place.map(|place| place.name().to_owned()),
            client_id: credentials.as_ref().ok().map(|credentials| credentials.id().to_owned()),
            fields,
            other_fields,
            issued_at: document.issued_at().map(|time| time.to_string()),
            expires_at: document.expires_at().map(|time| time.to_string()),
            error: credentials.err().as_ref().map(ErrorJson::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_of_an_address_is_shown() {
        for (address, expected) in [
            ("https://user:hush@proxy.example.com:8080/path?key=hush#hush", "https://proxy.example.com:8080"),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
            ("user:hush@proxy", "(set, and not an address)"),
            ("hush", "(set, and not an address)"),
        ] {
            assert_eq!(origin(address), expected, "{address}");
        }
    }
}
