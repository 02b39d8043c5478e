//! `config/:name`: the credentials of an OAuth client or access key.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::answers::CONFIG_FIELDS;
use super::response::keys;
use crate::engine::automation::plan::PLAN_FIELDS;
use crate::engine::failure::logged_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::root::automation::{GAP_FIELD, RootAutomation};
use crate::engine::root::succession::check_second_client;
use crate::engine::storage::allowed_roles::{ALLOWED_ROLES, AllowedRoles};
use crate::engine::storage::config::{ADMIN_CONFIG, CXONE_PLACES, Config, FORMER_KEY, IDLE_CLIENT, PREFIX, ROTATES};
use crate::rotation::{Deadline, PlatformName};
use openbao_plugin::framework::{Call, Field, Route, refuse};
use openbao_plugin::{Failure, Response};

/// How long the check of the credentials may take.
const VERIFICATION: Duration = Duration::from_secs(30);
const DEFAULT_PLATFORM: &str = "genesys-cloud";
/// The required fields of a config of Genesys Cloud.
const GENESYS_CLOUD_FIELDS: [&str; 3] = ["region", "client_id", "client_secret"];
/// The prefixes of entries that name a config.
const USERS: [&str; 3] = ["roles/", "static-roles/", PREFIX];

pub(crate) const LIST: Route<GenesysMount> = Route::new("config/", "The configs.")
    .help("Lists the names of the configs.")
    .list("List the configs", |mount, call| keys(mount, PREFIX, call).boxed())
    .item_type("Config")
    .navigation();

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("config/:name", "The credentials of an OAuth client.")
    .help(
        "An OAuth client with the grant type client credentials, and the region of its organisation; or, with the \
         platform nice-cxone, an application, an access key or both, and their issuer, area or realm. A write merges \
         with the stored config, and validates the credentials before it stores them. Secrets are never returned. \
         Deleting a config that roles use requires force=true.",
    )
    .fields(FIELDS)
    .fields(PLAN_FIELDS)
    .fields(&[GAP_FIELD])
    .write("Store or change an OAuth client", |mount, call| write(mount, call).boxed())
    .read("Read an OAuth client, without its secrets", |mount, call| read(mount, call).boxed())
    .returns(CONFIG_FIELDS)
    .delete("Delete an OAuth client", |mount, call| delete(mount, call).boxed())
    .exists(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed())
    .item_type("Config")
    .action("Configure");

/// The groups of inputs in user interfaces.
const CXONE: &str = "NICE CXone";
const SECOND_CLIENT: &str = "Second client";
const FIELDS: &[Field] = &[
    Field::text("platform", "The platform.")
        .one_of(&["genesys-cloud", "nice-cxone"])
        .default(DEFAULT_PLATFORM)
        .label("Platform"),
    Field::text(
        "region",
        "The region of the organisation: an AWS region or a Genesys Cloud domain, such as mypurecloud.ie.",
    ),
    Field::text("client_id", "The OAuth client's id.").label("Client ID"),
    Field::text("client_secret", "The OAuth client's secret.").sensitive().label("Client secret"),
    Field::text(
        "issuer",
        "CXone: the issuer, such as https://cxone.niceincontact.com, with a client and an access key.",
    )
    .group(CXONE),
    Field::text("area", "CXone: the area of UserHub, such as na1, with an access key alone.").group(CXONE),
    Field::text("realm", "CXone: the realm, such as us-22, with an older application's client.").group(CXONE),
    Field::text("tenant_id", "CXone: the tenant's id, if no token names it.").group(CXONE).label("Tenant ID"),
    Field::text("access_key_id", "CXone: the id of a user's access key.").group(CXONE).label("Access key ID"),
    Field::text("access_key_secret", "CXone: the access key's secret.")
        .sensitive()
        .group(CXONE)
        .label("Access key secret"),
    Field::text(
        IDLE_CLIENT,
        "The id of a second OAuth client with the same roles: rotate-root regenerates its secret and makes it the \
         active client; the first client stays valid. Empty: none.",
    )
    .group(SECOND_CLIENT)
    .label("Idle client ID"),
    Field::text(
        ADMIN_CONFIG,
        "The name of a config whose client may edit both clients, and whose field rotates lists both; required with \
         idle_client_id.",
    )
    .group(SECOND_CLIENT),
    Field::texts(
        ROTATES,
        "The ids of the OAuth clients whose secrets this config's client may regenerate for configs that name it in \
         admin_config. Empty: none.",
    )
    .group(SECOND_CLIENT),
    Field::texts(
        ALLOWED_ROLES,
        "The names of the roles and static roles that may use the config; * at the end of a name matches any rest. \
         Empty: none.",
    )
    .default("*"),
    Field::boolean("verify_connection", "Whether to create, validate and revoke a token before the config is stored.")
        .default("true"),
    Field::boolean("force", "Delete the config even if roles use it.").default("false"),
];

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<Config>, Failure> {
    mount.entries.get(&Config::key(name)).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let Some(config) = stored(mount, call.name()).await? else { return Ok(Response::empty()) };
    let automation = RootAutomation::of(&mount.entries, call.name()).await?;
    let shown = automation.map(|automation| automation.shown(mount.minting.now())).unwrap_or_default();
    Ok(Response::with_data(config.shown().into_iter().chain(shown).collect()))
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    // A lock of this config alone: a slow platform does not delay other writes.
    let _lock = mount.roots.locks.lock_for(&call, call.name()).await?;
    mount.node.require_writable().await?;
    let stored = stored(mount, call.name()).await?;
    let is_new = stored.is_none();
    let config = merged(&call, stored)?;
    mount.minting.check_place(&config)?;
    let automation = match RootAutomation::of(&mount.entries, call.name()).await {
        // A damaged entry is replaced.
        Err(Failure::Internal(_)) => Err(()),
        found => Ok(found?),
    };
    let had_automation = !matches!(automation, Ok(None));
    let automation = automation.unwrap_or_default().filter(|_| !is_new);
    let automation = RootAutomation::merged(&call, automation, &config, mount.minting.now())?;
    if call.boolean("verify_connection").unwrap_or(true) {
        let checked = mount.minting.check_credentials(&config, Deadline::after(VERIFICATION)).await;
        checked.map_err(|error| logged_failure(&error))?;
    }
    let answer = warned(mount, call.name(), &config).await?;
    mount.entries.put(&Config::key(call.name()), &config).await?;
    if had_automation || automation.is_some() {
        RootAutomation::store(&mount.entries, call.name(), automation.as_ref()).await?;
    }
    // The client id is not logged: it may hold the secret by mistake.
    tracing::info!(config.name = call.name(), "the config was written");
    // Static roles of another client, or that are allowed again, are due.
    mount.background.wake();
    Ok(answer)
}

/// Warns of roles that the config does not allow.
async fn warned(mount: &GenesysMount, name: &str, config: &Config) -> Result<Response, Failure> {
    let allowed = config.allowed_roles();
    if allowed.allows_all() {
        return Ok(Response::empty());
    }
    let mut users = users(mount, name).await?;
    users.retain(|key| key.split_once('/').is_some_and(|(kind, role)| kind != "config" && !allowed.contains(role)));
    if users.is_empty() {
        return Ok(Response::empty());
    }
    Ok(Response::empty().warning(format!(
        "allowed_roles does not allow {}: they get no tokens and are not rotated; tokens that their readers hold stay valid until they are revoked or expire",
        users.join(", ")
    )))
}

/// The stored fields, updated with those of the request. With another platform or another kind of place, no stored
/// field is kept.
fn merged(call: &Call, stored: Option<Config>) -> Result<Config, Failure> {
    let mut fields = stored.map(Config::into_fields).unwrap_or_default();
    let former = fields.get("platform").map_or(DEFAULT_PLATFORM, |platform| platform.as_str()).to_owned();
    let platform = call.text("platform").unwrap_or(&former).to_owned();
    let known = PlatformName::parse(&platform).map_err(|error| logged_failure(&error))?;
    let is_sent = |name: &str| call.text(name).is_some() || call.texts(name).is_some();
    if let Some(name) = Config::names().find(|name| is_sent(name) && !is_of(known, name)) {
        let hint = "remove the field, or set platform=genesys-cloud or platform=nice-cxone";
        return Err(refuse(format!("the platform {platform} has no field {name}"), hint));
    }
    let is_new_place = |name: &&str| call.text(name).is_some() && !fields.contains_key(*name);
    if platform != former || CXONE_PLACES.iter().any(is_new_place) {
        fields.retain(|name, _| name == ALLOWED_ROLES);
    }
    if call.text("access_key_id").is_some_and(|id| fields.get("access_key_id").is_none_or(|stored| **stored != *id)) {
        // The operator deletes the keys before one that was written by hand.
        fields.remove(FORMER_KEY);
    }
    let given = Config::names().filter_map(|name| Some((name, call.text(name)?)));
    fields.extend(given.map(|(name, text)| (name.to_owned(), Zeroizing::new(text.to_owned()))));
    if let Some(ids) = call.texts(ROTATES) {
        fields.insert(ROTATES.to_owned(), Zeroizing::new(json!(ids).to_string()));
    }
    if let Some(roles) = call.texts(ALLOWED_ROLES) {
        fields.insert(ALLOWED_ROLES.to_owned(), Zeroizing::new(json!(AllowedRoles::parse(roles)?.items()).to_string()));
    }
    fields.retain(|name, text| match name.as_str() {
        IDLE_CLIENT | ADMIN_CONFIG => !text.is_empty(),
        ROTATES => **text != "[]",
        _ => true,
    });
    fields.insert("platform".to_owned(), Zeroizing::new(platform));
    if known == PlatformName::GenesysCloud
        && let Some(missing) = GENESYS_CLOUD_FIELDS.into_iter().find(|name| !fields.contains_key(*name))
    {
        let sentence = format!("the field {missing} is missing");
        return Err(refuse(sentence, "set region, client_id and client_secret"));
    }
    let config = Config::try_from(fields).map_err(|error| logged_failure(&error))?;
    check_second_client(&config)?;
    Ok(config)
}

/// Whether a platform has a field.
fn is_of(platform: PlatformName, name: &str) -> bool {
    match platform {
        PlatformName::GenesysCloud => {
            ["platform", IDLE_CLIENT, ADMIN_CONFIG, ROTATES, ALLOWED_ROLES].contains(&name)
                || GENESYS_CLOUD_FIELDS.contains(&name)
        }
        PlatformName::Cxone => !["region", IDLE_CLIENT, ADMIN_CONFIG, ROTATES].contains(&name),
    }
}

async fn delete(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _lock = mount.roots.locks.lock_for(&call, call.name()).await?;
    let _references = mount.config_references.write().await;
    if !call.boolean("force").unwrap_or(false) {
        let users = users(mount, call.name()).await?;
        if !users.is_empty() {
            let sentence = format!("the config {:?} is in use by {}", call.name(), users.join(", "));
            return Err(refuse(sentence, "delete those first, or add force=true: they get no new tokens then"));
        }
    }
    mount.entries.delete(&Config::key(call.name())).await?;
    RootAutomation::store(&mount.entries, call.name(), None).await?;
    tracing::info!(config.name = call.name(), "the config was deleted");
    Ok(Response::empty())
}

/// The roles and configs that name a config.
async fn users(mount: &GenesysMount, config: &str) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct ConfigReference {
        #[serde(alias = "admin_config", default)]
        config: String,
    }
    let mut users = Vec::new();
    for prefix in USERS {
        for name in mount.entries.list(prefix).await? {
            let key = format!("{prefix}{name}");
            match mount.entries.get::<ConfigReference>(&key).await {
                Ok(Some(entry)) if entry.config == config && key != Config::key(config) => users.push(key),
                // A damaged entry gets no tokens, and does not block the deletion.
                Ok(_) | Err(Failure::Internal(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_a_config_are_marked_sensitive() {
        for field in ROUTE.all_fields() {
            assert_eq!(field.sensitive, field.name.ends_with("_secret"), "{}", field.name);
        }
    }
}
