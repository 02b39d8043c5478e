//! `config/:name`: an OAuth client.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::json;

use super::{keys, object};
use crate::rotation::{Deadline, Document, RotationError};
use crate::secret::SecretString;
use crate::vault_plugin::engine::GenesysMount;
use crate::vault_plugin::engine::config::{Config, PREFIX};
use crate::vault_plugin::engine::failure::failure;
use crate::vault_plugin::framework::{Answer, Call, Field, FieldKind, Route, refuse};
use crate::vault_plugin::transport::{Failure, Operation, Response};

/// How long trying the client may take.
const VERIFICATION: Duration = Duration::from_secs(30);
const DEFAULT_PLATFORM: &str = "genesys-cloud";
/// Where roles are stored that name a config.
const USERS: [&str; 2] = ["roles/", "static-roles/"];

pub(super) const LIST: Route<GenesysMount> = Route {
    path: "config/",
    summary: "The configs.",
    help: "Lists the names of the configs.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::List,
        summary: "List the configs",
        handler: |mount, _| list(mount).boxed(),
    }],
    exists: None,
    sudo: false,
};

pub(super) const ROUTE: Route<GenesysMount> = Route {
    path: "config/:name",
    summary: "An OAuth client that tokens come from.",
    help: "An OAuth client with the grant type client credentials, and the region of its organisation. What is written is \
           tried first, and merged with what is there. The secret can be written and never be read. A config that roles \
           use can be deleted with force alone.",
    fields: &[
        field("platform", FieldKind::Text, Some(DEFAULT_PLATFORM), "The platform."),
        field(
            "region",
            FieldKind::Text,
            None,
            "The organisation's region: an AWS region's name or a Genesys Cloud domain, such as mypurecloud.ie.",
        ),
        field("client_id", FieldKind::Text, None, "The OAuth client's id."),
        Field { sensitive: true, ..field("client_secret", FieldKind::Text, None, "The OAuth client's secret.") },
        field(
            "verify_connection",
            FieldKind::Boolean,
            Some("true"),
            "Whether to make a token, validate it and revoke it before anything is stored.",
        ),
        field("force", FieldKind::Boolean, Some("false"), "Deletes the config although roles use it."),
    ],
    operations: &[
        Answer {
            operation: Operation::Create,
            summary: "Store an OAuth client",
            handler: |mount, call| write(mount, call).boxed(),
        },
        Answer {
            operation: Operation::Update,
            summary: "Change an OAuth client",
            handler: |mount, call| write(mount, call).boxed(),
        },
        Answer {
            operation: Operation::Read,
            summary: "Read all but the secret",
            handler: |mount, call| read(mount, call).boxed(),
        },
        Answer {
            operation: Operation::Delete,
            summary: "Forget an OAuth client",
            handler: |mount, call| delete(mount, call).boxed(),
        },
    ],
    exists: Some(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed()),
    sudo: false,
};

const fn field(name: &'static str, kind: FieldKind, default: Option<&'static str>, description: &'static str) -> Field {
    Field { name, kind, required: false, default, sensitive: false, description }
}

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<Config>, Failure> {
    mount.entries.get(&Config::key(name)).await
}

async fn list(mount: &GenesysMount) -> Result<Response, Failure> {
    keys(mount, PREFIX).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let Some(Config { platform, region, client_id, .. }) = stored(mount, call.name()).await? else {
        return Ok(Response::empty());
    };
    Ok(Response::with_data(object(json!({"platform": platform, "region": region, "client_id": client_id}))))
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    // The platform may take its time, and whoever writes something else does not wait for that.
    let _alone = mount.configs.hold(call.name()).await;
    mount.refuse_on_standby().await?;
    let config = merged(&call, stored(mount, call.name()).await?)?;
    check(mount, &config).map_err(|error| failure(&error))?;
    if call.boolean("verify_connection").unwrap_or(true) {
        let tried = mount.tokens().try_out(&config.credentials(), &[], Deadline::after(VERIFICATION)).await;
        tried.map_err(|error| failure(&error))?;
    }
    mount.entries.put(&Config::key(call.name()), &config).await?;
    // Not even the client's id is logged: somebody may have put the secret there.
    tracing::info!(config.name = call.name(), "the config was written");
    Ok(Response::empty())
}

/// What is stored, with what the call says over it.
fn merged(call: &Call, stored: Option<Config>) -> Result<Config, Failure> {
    let text = |field: &str, stored: Option<String>| {
        call.text(field).map(str::to_owned).or(stored).ok_or_else(|| missing(field))
    };
    let (platform, region, client_id, client_secret) = match stored {
        Some(Config { platform, region, client_id, client_secret }) => {
            (platform, Some(region), Some(client_id), Some(client_secret))
        }
        None => (DEFAULT_PLATFORM.to_owned(), None, None, None),
    };
    Ok(Config {
        platform: text("platform", Some(platform))?,
        region: text("region", region)?,
        client_id: text("client_id", client_id)?,
        client_secret: call
            .text("client_secret")
            .map(SecretString::from)
            .or(client_secret)
            .ok_or_else(|| missing("client_secret"))?,
    })
}

fn missing(field: &str) -> Failure {
    refuse(format!("the field {field} is missing"), "a config needs region, client_id and client_secret")
}

/// A config is a document like any other, under the same rules.
fn check(mount: &GenesysMount, config: &Config) -> Result<(), RotationError> {
    let document = Document::parse(&config.document())?;
    document.credential_source()?;
    document.region()?;
    mount.platforms.api_url(&config.platform, &config.region).map(drop)
}

async fn delete(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _alone = mount.configs.hold(call.name()).await;
    // No role that names it is written meanwhile.
    let _roles = mount.writes.lock().await;
    if !call.boolean("force").unwrap_or(false) {
        let users = users(mount, call.name()).await?;
        if !users.is_empty() {
            let sentence = format!("the config {:?} is in use by {}", call.name(), users.join(", "));
            return Err(refuse(sentence, "delete those first, or add force=true; they get no new tokens then"));
        }
    }
    mount.entries.delete(&Config::key(call.name())).await?;
    tracing::info!(config.name = call.name(), "the config was deleted");
    Ok(Response::empty())
}

/// The roles that name a config.
async fn users(mount: &GenesysMount, config: &str) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Uses {
        config: String,
    }
    let mut users = Vec::new();
    for prefix in USERS {
        for name in mount.entries.list(prefix).await? {
            let key = format!("{prefix}{name}");
            if mount.entries.get::<Uses>(&key).await?.is_some_and(|uses| uses.config == config) {
                users.push(key);
            }
        }
    }
    Ok(users)
}
