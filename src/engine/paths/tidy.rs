//! `tidy`: ends what crashes, deletions and refused revocations left behind, and reports what it cannot end.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::response::fields;
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::revocation::entry::{OwedRevocation, PREFIX as REVOCATIONS};
use crate::engine::root::automation::{PREFIX as AUTOMATIONS, RootAutomation};
use crate::engine::root::in_place::{INTENTS, RootIntent};
use crate::engine::root::lease::{LEASES, RootLease};
use crate::engine::static_roles::credential::revocation;
use crate::engine::static_roles::role::{CREDENTIALS, PENDING, ROLES as STATIC_ROLES, StaticRole, StoredVersion, key};
use crate::engine::storage::config::{Config, PREFIX as CONFIGS};
use crate::engine::storage::role::{PREFIX as ROLES, Role};
use crate::engine::tokens::shared_token::{SHARED, SharedToken};
use crate::rotation::Deadline;
use openbao_plugin::framework::{Call, Field, Route};
use openbao_plugin::{Failure, Response};

/// How long the work on one config, or on all cancelled requests, may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The path that asks for the revocations.
const PATH: &str = "tidy";

pub(crate) const ROUTE: Route<GenesysMount> = Route::new(PATH, "End what was left behind.")
    .help(
        "Revokes the tokens of deleted roles and of cancelled requests, and those whose revocation failed before; deletes \
         their entries; completes interrupted rotations of client secrets. Deletes nothing that a role or config needs. \
         Fails, and names each item, if something could not be ended or an entry is damaged.",
    )
    .write("Tidy the mount", |mount, call| tidy(mount, call).boxed())
    .returns(&[Field::texts("done", "What was ended.")])
    .action("Tidy");

/// What was done, and what could not be.
#[derive(Default)]
struct TidyReport {
    done: Vec<String>,
    left: Vec<String>,
}

async fn tidy(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    mount.node.require_writable().await?;
    let requester = Requester::of(call.request());
    let mut report = TidyReport::default();
    if let Some(error) = mount.minting.tokens().roll_back(Deadline::after(LIMIT)).await {
        report.left.push(format!("what a failed request created is not removed: {error}"));
    }
    mount.revocations.owe_unrevoked().await?;
    end_static_orphans(mount, &mut report).await?;
    end_shared_orphans(mount, &mut report).await?;
    unstage_promoted(mount, &mut report).await?;
    complete_roots(mount, &mut report).await?;
    let settlement = mount.revocations.settle_all().await?;
    if settlement.revoked > 0 {
        report.done.push(format!("revoked tokens: {}", settlement.revoked));
    }
    report.left.extend(settlement.failures.iter().map(on_one_line));
    replace_damaged(mount, &mut report).await?;
    report_damaged(mount, &mut report).await?;
    mount.background.wake();
    tracing::info!(
        tidy.done = report.done.len(),
        tidy.left = report.left.len(),
        request.id = requester.request_id,
        requester.display_name = requester.display_name,
        "the mount was tidied"
    );
    report.into_response()
}

impl TidyReport {
    fn into_response(self) -> Result<Response, Failure> {
        let Self { done, left } = self;
        if left.is_empty() {
            return Ok(Response::with_data(fields(json!({"done": done}))));
        }
        let done = if done.is_empty() { "nothing else was left behind".to_owned() } else { done.join("; ") };
        Err(Failure::internal(format!(
            "tidy is not complete: {}\nhint: repeat it later; done: {done}",
            left.join("; ")
        )))
    }
}

fn on_one_line(failure: &Failure) -> String {
    failure.to_string().replace('\n', "; ")
}

/// Credentials without a static role.
async fn end_static_orphans(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    let mut names: BTreeSet<_> = mount.entries.list(CREDENTIALS).await?.into_iter().collect();
    names.extend(mount.entries.list(PENDING).await?);
    for role in mount.entries.list(STATIC_ROLES).await? {
        names.remove(&role);
    }
    for name in names {
        // The task that holds the lock writes or deletes the role.
        let Some(_lock) = mount.static_rotations.locks.try_lock(&name) else { continue };
        if is_stored(mount, &key(STATIC_ROLES, &name)).await? {
            continue;
        }
        for prefix in [CREDENTIALS, PENDING] {
            let key = key(prefix, &name);
            let stored = mount.entries.get::<StoredVersion>(&key).await;
            let owed = match stored {
                Ok(Some(stored)) => revocation(&stored, PATH).ok().flatten(),
                Ok(None) => continue,
                Err(Failure::Internal(_)) => None,
                Err(failure) => return Err(failure),
            };
            delete_orphan(mount, report, &key, owed).await?;
        }
    }
    Ok(())
}

/// Shared tokens without a role.
async fn end_shared_orphans(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    let roles: BTreeSet<_> = mount.entries.list(ROLES).await?.into_iter().collect();
    for name in mount.entries.list(SHARED).await?.into_iter().filter(|name| !roles.contains(name)) {
        let Some(_lock) = mount.role_locks.try_lock(&name) else { continue };
        if is_stored(mount, &Role::key(&name)).await? {
            continue;
        }
        let key = SharedToken::key(&name);
        let owed = match mount.entries.get::<SharedToken>(&key).await {
            Ok(stored) => stored.map(|stored| stored.revocation(PATH)),
            Err(Failure::Internal(_)) => None,
            Err(failure) => return Err(failure),
        };
        delete_orphan(mount, report, &key, owed).await?;
    }
    Ok(())
}

/// Deletes an entry without a role. Its token is revoked with the others that are owed.
async fn delete_orphan(
    mount: &GenesysMount,
    report: &mut TidyReport,
    key: &str,
    owed: Option<OwedRevocation>,
) -> Result<(), Failure> {
    match owed {
        Some(owed) => {
            if owed.replace_copy(key, &mount.entries).await?.is_none() {
                let left = format!("the token of {key} stays valid for up to one hour: nice-cxone revokes none");
                report.left.push(left);
            }
        }
        None => {
            report.left.push(format!("{key} was damaged: its token stays valid until it expires"));
            mount.entries.delete(key).await?;
        }
    }
    report.done.push(format!("deleted {key}, which had no role"));
    Ok(())
}

/// Versions that are staged and already promoted.
async fn unstage_promoted(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    for name in mount.entries.list(PENDING).await? {
        let Some(_lock) = mount.static_rotations.locks.try_lock(&name) else { continue };
        if let Ok(false) = mount.static_rotations.is_pending(&name).await {
            mount.entries.delete(&key(PENDING, &name)).await?;
            report.done.push(format!("deleted {}, which is promoted", key(PENDING, &name)));
        }
    }
    Ok(())
}

/// Write-ahead entries and leases of rotations of client secrets.
async fn complete_roots(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    let heal = async |name: String| {
        let _lock = mount.roots.locks.try_lock(&name)?;
        Some(match mount.roots.in_place.heal(&name, Deadline::after(LIMIT)).await {
            Ok(()) => Ok(name),
            Err(failure) => {
                Err(format!("the rotation of the client secret of config/{name}: {}", on_one_line(&failure)))
            }
        })
    };
    for healed in join_all(mount.roots.interrupted().await?.into_iter().map(heal)).await.into_iter().flatten() {
        match healed {
            // An entry that stays waits for requests that may still be carried out; the engine deletes it within two minutes.
            Ok(name) if is_stored(mount, &key(INTENTS, &name)).await? => {}
            Ok(name) => report.done.push(format!("completed the rotation of the client secret of config/{name}")),
            Err(failure) => report.left.push(failure),
        }
    }
    let now = mount.minting.now().as_second();
    for name in mount.entries.list(LEASES).await? {
        let Some(_lock) = mount.roots.locks.try_lock(&name) else { continue };
        if let Ok(Some(lease)) = mount.entries.get::<RootLease>(&key(LEASES, &name)).await
            && lease.until <= now
        {
            mount.entries.delete(&key(LEASES, &name)).await?;
            report.done.push(format!("deleted {}, which has ended", key(LEASES, &name)));
        }
    }
    Ok(())
}

/// Damaged entries that no request of an operator can delete or replace. A lease is replaced by one that ends after every
/// request that the damaged one may protect.
async fn replace_damaged(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    for name in mount.entries.list(REVOCATIONS).await? {
        let key = key(REVOCATIONS, &name);
        if let Err(Failure::Internal(_)) = mount.entries.get::<OwedRevocation>(&key).await {
            mount.entries.delete(&key).await?;
            report.left.push(format!("{key} was damaged and is deleted: the token to revoke is unknown"));
        }
    }
    for name in mount.entries.list(LEASES).await? {
        let key = key(LEASES, &name);
        if let Err(Failure::Internal(_)) = mount.entries.get::<RootLease>(&key).await {
            mount.entries.put(&key, &RootLease::from(mount.minting.now())).await?;
            report.left.push(format!("{key} was damaged: rotate-root/{name} is possible again in two minutes"));
        }
    }
    Ok(())
}

/// Entries that cannot be read. They are kept: an operator may still need them.
async fn report_damaged(mount: &GenesysMount, report: &mut TidyReport) -> Result<(), Failure> {
    look_at::<Config>(mount, CONFIGS, report).await?;
    look_at::<Role>(mount, ROLES, report).await?;
    look_at::<StaticRole>(mount, STATIC_ROLES, report).await?;
    look_at::<StoredVersion>(mount, CREDENTIALS, report).await?;
    look_at::<StoredVersion>(mount, PENDING, report).await?;
    look_at::<SharedToken>(mount, SHARED, report).await?;
    look_at::<RootIntent>(mount, INTENTS, report).await?;
    look_at::<RootAutomation>(mount, AUTOMATIONS, report).await?;
    Ok(())
}

async fn look_at<T: DeserializeOwned>(
    mount: &GenesysMount,
    prefix: &str,
    report: &mut TidyReport,
) -> Result<(), Failure> {
    for name in mount.entries.list(prefix).await? {
        match mount.entries.get::<T>(&key(prefix, &name)).await {
            Err(failure @ Failure::Internal(_)) => report.left.push(on_one_line(&failure)),
            Err(failure) => return Err(failure),
            Ok(_) => {}
        }
    }
    Ok(())
}

async fn is_stored(mount: &GenesysMount, key: &str) -> Result<bool, Failure> {
    match mount.entries.get::<serde::de::IgnoredAny>(key).await {
        Ok(entry) => Ok(entry.is_some()),
        Err(Failure::Internal(_)) => Ok(true),
        Err(failure) => Err(failure),
    }
}
