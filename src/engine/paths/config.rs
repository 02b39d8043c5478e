//! `config/:name`: an OAuth client.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::keys;
use crate::engine::GenesysMount;
use crate::engine::failure::failure;
use crate::engine::root::succession::check_second_client;
use crate::engine::storage::config::{ADMIN_CONFIG, CXONE_PLACES, Config, FORMER_KEY, IDLE_CLIENT, PREFIX};
use crate::rotation::{Deadline, PlatformName};
use openbao_plugin::framework::{Call, Field, FieldKind, Route, RouteOperation, refuse};
use openbao_plugin::{Failure, Operation, Response};

/// How long trying the client may take.
const VERIFICATION: Duration = Duration::from_secs(30);
const DEFAULT_PLATFORM: &str = "genesys-cloud";
/// What a config of Genesys Cloud needs.
const OF_GENESYS_CLOUD: [&str; 3] = ["region", "client_id", "client_secret"];
/// Where what names a config is stored.
const USERS: [&str; 3] = ["roles/", "static-roles/", PREFIX];

pub(crate) const LIST: Route<GenesysMount> = Route {
    path: "config/",
    summary: "The configs.",
    help: "Lists the names of the configs.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::List,
        summary: "List the configs",
        handler: |mount, _| list(mount).boxed(),
    }],
    exists: None,
    sudo: false,
};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "config/:name",
    summary: "An OAuth client that tokens come from.",
    help: "An OAuth client with the grant type client credentials, and the region of its organisation; or, with the \
           platform nice-cxone, an application, an access key or both, and their issuer, area or realm. What is written is \
           tried first, and merged with what is there. Secrets can be written and never be read. A config that roles \
           use can be deleted with force alone.",
    fields: &[
        Field::optional(
            "platform",
            FieldKind::Text,
            Some(DEFAULT_PLATFORM),
            "The platform: genesys-cloud or nice-cxone.",
        ),
        Field::optional(
            "region",
            FieldKind::Text,
            None,
            "The organisation's region: an AWS region's name or a Genesys Cloud domain, such as mypurecloud.ie.",
        ),
        Field::optional("client_id", FieldKind::Text, None, "The OAuth client's id."),
        Field {
            sensitive: true,
            ..Field::optional("client_secret", FieldKind::Text, None, "The OAuth client's secret.")
        },
        Field::optional(
            "issuer",
            FieldKind::Text,
            None,
            "CXone: the issuer, such as https://cxone.niceincontact.com, with a client and an access key.",
        ),
        Field::optional(
            "area",
            FieldKind::Text,
            None,
            "CXone: the area of UserHub, such as na1, with an access key alone.",
        ),
        Field::optional(
            "realm",
            FieldKind::Text,
            None,
            "CXone: the realm, such as us-22, with an older application's client.",
        ),
        Field::optional("tenant_id", FieldKind::Text, None, "CXone: the tenant's id; tokens name it as well."),
        Field::optional("access_key_id", FieldKind::Text, None, "CXone: the id of a user's access key."),
        Field {
            sensitive: true,
            ..Field::optional("access_key_secret", FieldKind::Text, None, "CXone: the access key's secret.")
        },
        Field::optional(
            IDLE_CLIENT,
            FieldKind::Text,
            None,
            "The id of a second OAuth client with the same roles: rotate-root gives it a new secret and puts it in the \
             place of the first one, which works on. Empty: none.",
        ),
        Field::optional(
            ADMIN_CONFIG,
            FieldKind::Text,
            None,
            "The name of a config whose client may edit both of them; needed with idle_client_id.",
        ),
        Field::optional(
            "verify_connection",
            FieldKind::Boolean,
            Some("true"),
            "Whether to make a token, validate it and revoke it before anything is stored.",
        ),
        Field::optional("force", FieldKind::Boolean, Some("false"), "Deletes the config although roles use it."),
    ],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Store an OAuth client",
            handler: |mount, call| write(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Change an OAuth client",
            handler: |mount, call| write(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Read,
            summary: "Read all but the secret",
            handler: |mount, call| read(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Delete,
            summary: "Forget an OAuth client",
            handler: |mount, call| delete(mount, call).boxed(),
        },
    ],
    exists: Some(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed()),
    sudo: false,
};

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<Config>, Failure> {
    mount.entries.get(&Config::key(name)).await
}

async fn list(mount: &GenesysMount) -> Result<Response, Failure> {
    keys(mount, PREFIX).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let config = stored(mount, call.name()).await?;
    Ok(config.map_or_else(Response::empty, |config| Response::with_data(config.shown())))
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    // The platform may take its time, and whoever writes something else does not wait for that.
    let _alone = mount.configs.hold(call.name()).await;
    mount.refuse_on_standby().await?;
    let config = merged(&call, stored(mount, call.name()).await?)?;
    mount.platforms.issuer.recognise(&config.place()).map_err(|error| failure(&error))?;
    if call.boolean("verify_connection").unwrap_or(true) {
        let tried = mount.tokens().try_out(&config.credentials(), &[], Deadline::after(VERIFICATION)).await;
        tried.map_err(|error| failure(&error))?;
    }
    mount.entries.put(&Config::key(call.name()), &config).await?;
    // Not even the client's id is logged: somebody may have put the secret there.
    tracing::info!(config.name = call.name(), "the config was written");
    Ok(Response::empty())
}

/// What is stored, with what the call says over it. Another platform, or another kind of place, takes other keys:
/// nothing of the former ones is kept.
fn merged(call: &Call, stored: Option<Config>) -> Result<Config, Failure> {
    let mut fields = stored.map(Config::into_fields).unwrap_or_default();
    let former = fields.get("platform").map_or(DEFAULT_PLATFORM, |platform| platform.as_str()).to_owned();
    let platform = call.text("platform").unwrap_or(&former).to_owned();
    let known = PlatformName::parse(&platform).map_err(|error| failure(&error))?;
    if let Some(name) = Config::names().find(|name| call.text(name).is_some() && !is_of(known, name)) {
        let hint = "a config is of one platform: name it with platform=genesys-cloud or platform=nice-cxone";
        return Err(refuse(format!("the field {name} is none of {platform}'s"), hint));
    }
    let is_new_place = |name: &&str| call.text(name).is_some() && !fields.contains_key(*name);
    if platform != former || CXONE_PLACES.iter().any(is_new_place) {
        fields.clear();
    }
    if call.text("access_key_id").is_some_and(|id| fields.get("access_key_id").is_none_or(|stored| **stored != *id)) {
        // Whoever gives a key of their own looks after the former ones.
        fields.remove(FORMER_KEY);
    }
    let given = Config::names().filter_map(|name| Some((name, call.text(name)?)));
    fields.extend(given.map(|(name, text)| (name.to_owned(), Zeroizing::new(text.to_owned()))));
    fields.retain(|name, text| !(text.is_empty() && [IDLE_CLIENT, ADMIN_CONFIG].contains(&name.as_str())));
    fields.insert("platform".to_owned(), Zeroizing::new(platform));
    if known == PlatformName::GenesysCloud
        && let Some(missing) = OF_GENESYS_CLOUD.into_iter().find(|name| !fields.contains_key(*name))
    {
        let sentence = format!("the field {missing} is missing");
        return Err(refuse(sentence, "a config needs region, client_id and client_secret"));
    }
    let config = Config::try_from(fields).map_err(|error| failure(&error))?;
    check_second_client(&config)?;
    Ok(config)
}

/// Whether a platform has a field of this name.
fn is_of(platform: PlatformName, name: &str) -> bool {
    match platform {
        PlatformName::GenesysCloud => {
            ["platform", IDLE_CLIENT, ADMIN_CONFIG].contains(&name) || OF_GENESYS_CLOUD.contains(&name)
        }
        PlatformName::Cxone => !["region", IDLE_CLIENT, ADMIN_CONFIG].contains(&name),
    }
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

/// The roles that name a config, and the configs whose second client it edits.
async fn users(mount: &GenesysMount, config: &str) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Uses {
        #[serde(alias = "admin_config", default)]
        config: String,
    }
    let mut users = Vec::new();
    for prefix in USERS {
        for name in mount.entries.list(prefix).await? {
            let key = format!("{prefix}{name}");
            match mount.entries.get::<Uses>(&key).await {
                Ok(Some(uses)) if uses.config == config && key != Config::key(config) => users.push(key),
                // A damaged role gets no tokens anyway, and holds nothing up.
                Ok(_) | Err(Failure::Internal(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(users)
}
