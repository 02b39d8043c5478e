//! The accounts at the end: every live token, client secret and access key must be stored, or its cause must be known.
//!
//! Left behind, and counted by cause: what a killed process issued and had not stored, what an unanswered request issued,
//! and a token whose revocation met a fault. CXone has no revocation, so its tokens are only counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use simulators::genesys::LiveToken;
use tokio::time::{Instant, sleep};

use crate::command;
use crate::kinds::{Kind, pairs, user_of};
use crate::ledger::{Broken, Entries, Rotation, Unanswered};
use crate::secrets::{Driver, Secret};
use crate::world::World;

/// The times of a call or a kill and of its record differ by less.
const CLOSE: Duration = Duration::from_secs(2);
/// The engine stores or revokes a token within this time after its issue, unless calls meet faults.
const ISSUE: Duration = Duration::from_secs(12);
/// The time of a rotation of the engine.
const ROTATION: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// The numbers of things left behind, by what and by cause.
pub type LeftBehind = BTreeMap<(&'static str, &'static str), usize>;

/// Waits for the rotations that the engine began by itself, and returns the live tokens.
async fn wait_for_engine(world: &World) -> Vec<LiveToken> {
    let began = Instant::now();
    loop {
        let live = world.simulation.genesys.issued_tokens();
        for secret in world.secrets.iter().filter(|secret| secret.driver == Driver::Engine) {
            secret.note_promoted(world).await;
        }
        let is_unknown = |token: &LiveToken| cause(world, owner(world, token), token).is_none();
        if began.elapsed() > ROTATION || !live.iter().any(is_unknown) {
            return live;
        }
        sleep(POLL).await;
    }
}

fn owner<'a>(world: &'a World, token: &LiveToken) -> &'a Secret {
    world.secrets.iter().find(|secret| token.client_id.starts_with(&secret.name)).expect("a secret")
}

/// Counts what is left behind, and records what has no cause as a failure.
pub async fn settle(world: &World) -> LeftBehind {
    let mut left = LeftBehind::new();
    for token in wait_for_engine(world).await {
        let secret = owner(world, &token);
        match cause(world, secret, &token) {
            Some("promoted") => {}
            Some(cause) => *left.entry(("token", cause)).or_default() += 1,
            None => {
                let issued = world.ledger.seconds(token.issued);
                let what = format!("a token of {} was never promoted, issued at {issued:.3} s", token.client_id);
                world.ledger.fail(format!("{}: {what}; {}", secret.what(), circumstances(world, secret, &token)));
            }
        }
    }
    let promoted = |text: &String| world.ledger.with(|entries| entries.promoted.contains_key(text));
    let unstored = world.simulation.cxone.live_tokens().iter().filter(|text| !promoted(text)).count();
    left.insert(("CXone token", "no revocation"), unstored);
    for secret in &world.secrets {
        check_credentials(world, secret, &mut left).await;
    }
    check_versions(world).await;
    check_outages(world);
    left
}

/// Why a live token exists; `None` if it should not.
fn cause(world: &World, secret: &Secret, token: &LiveToken) -> Option<&'static str> {
    world.ledger.with(|entries| {
        let is_mint = |one: &&Unanswered| {
            one.secret == secret.index && one.operation.starts_with("POST /") && near(one.at, token.issued)
        };
        Some(match () {
            () if entries.promoted.contains_key(&token.text) => "promoted",
            () if entries.unanswered.iter().any(|one| is_mint(&one)) => "answer lost",
            () if was_cut(entries, secret, token.issued) => "killed",
            () if entries.unrevoked.contains(&token.text) => "revocation met a fault",
            () => return None,
        })
    })
}

/// The version that holds a token, and the rotations that ran when it was issued.
fn circumstances(world: &World, secret: &Secret, token: &LiveToken) -> String {
    let mut versions = world.simulation.secrets_manager.versions(&secret.name).into_iter();
    let version = versions.rfind(|version| version.value.as_ref().is_some_and(|text| text.contains(&token.text)));
    let labels =
        version.map_or_else(|| "in no version".to_owned(), |version| format!("in a version {:?}", version.labels));
    let at = |time| format!("{:.3} s", world.ledger.seconds(time));
    let rotations = world.ledger.with(|entries| {
        let near = entries.rotations.iter().filter(|one| one.secret == secret.index);
        let near = near.filter(|one| one.began < token.issued + ISSUE && token.issued < one.ended + ISSUE);
        near.map(|one| format!("{} to {}: {:?}", at(one.began), at(one.ended), one.end)).collect::<Vec<_>>()
    });
    format!("{labels}; rotations {rotations:?}")
}

fn near(one: Instant, other: Instant) -> bool {
    one.max(other) - one.min(other) < CLOSE
}

/// Whether a process was killed that worked on the secret at this time.
fn was_cut(entries: &Entries, secret: &Secret, at: Instant) -> bool {
    if secret.driver == Driver::Engine {
        // A token that authorizes a rotation lives until the rotation ends.
        let runs_at = |one: &&Rotation| one.secret == secret.index && one.began <= at && at <= one.ended;
        let ends = entries.rotations.iter().filter(runs_at).map(|one| one.ended + CLOSE);
        let end = ends.fold(at + ISSUE, Instant::max);
        return entries.engine_kills.iter().any(|kill| at < *kill + CLOSE && *kill < end);
    }
    entries.cuts.iter().any(|cut| cut.secret == secret.index && cut.began <= at && at < cut.ended + CLOSE)
}

/// The platform must accept the stored credentials, and the user must have no other access keys.
async fn check_credentials(world: &World, secret: &Secret, left: &mut LeftBehind) {
    let Ok(document) = secret.read(world).await else {
        return world.ledger.fail(format!("{}: it cannot be read at the end", secret.what()));
    };
    if secret.driver != Driver::Engine {
        check_stored(world, secret, &document);
    }
    let keys = world.simulation.cxone.access_keys();
    let owned = keys.iter().filter(|key| key.user_id == user_of(&secret.name)).count();
    let stored = match secret.driver {
        Driver::Engine => engine_keys(world, secret).await,
        _ => pairs(&document).into_iter().filter(|(id, _)| id.ends_with("====")).map(|(id, _)| id).collect(),
    };
    let mut stored = stored;
    stored.sort();
    stored.dedup();
    let extra = owned.saturating_sub(stored.len());
    if extra == 0 {
        return;
    }
    let causes = causes_of_keys(world, secret);
    *left.entry(("access key", "killed, or answer lost")).or_default() += extra;
    if extra > causes {
        world.ledger.fail(format!("{}: {extra} access keys are stored nowhere, with {causes} causes", secret.what()));
    }
}

/// Every client secret in the document is the one that the platform has.
fn check_stored(world: &World, secret: &Secret, document: &Value) {
    for (id, key) in pairs(document) {
        if !world.accepts(&id, &key) {
            world.ledger.fail(format!("{}: the platform rejects the stored secret of {id}", secret.what()));
        }
    }
}

/// No version of a rotation that ended is left, as `status` shows it.
async fn check_versions(world: &World) {
    for status in command::status(world).await {
        let versions = status["versions"].as_array().into_iter().flatten();
        let mut labels = versions.flat_map(|version| version["labels"].as_array().into_iter().flatten());
        let is_left = |label: &Value| ["ROTATOR_AHEAD", "AWSPENDING"].contains(&label.as_str().unwrap_or_default());
        if !status["error"].is_null() || labels.any(is_left) {
            world.ledger.fail(format!("{}: {} {}", status["secret"], status["error"], status["versions"]));
        }
    }
}

async fn engine_keys(world: &World, secret: &Secret) -> Vec<String> {
    let config = world.bao.read(&format!("genesys-cloud/config/{}", secret.name)).await;
    let names = ["access_key_id", "former_access_key_id"];
    names.iter().filter_map(|name| config[name].as_str().map(str::to_owned)).collect()
}

/// How many creations of keys were not answered, or had their process killed.
fn causes_of_keys(world: &World, secret: &Secret) -> usize {
    world.ledger.with(|entries| {
        let is_own = |one: &&Unanswered| one.secret == secret.index && one.operation.contains("access-key-management");
        let unanswered = entries.unanswered.iter().filter(is_own).count();
        let killed = match secret.driver {
            Driver::Engine => entries.engine_kills.len(),
            _ => entries.cuts.iter().filter(|cut| cut.secret == secret.index).count(),
        };
        unanswered + killed
    })
}

/// Whether an outage is one that `accept_gap` allows.
pub fn is_accepted_gap(secret: &Secret, what: Broken) -> bool {
    secret.kind == Kind::InPlace && what == Broken::Secret
}

fn check_outages(world: &World) {
    let outages = world.ledger.with(|entries| entries.outages.clone());
    for outage in outages {
        let secret = &world.secrets[outage.secret];
        if !is_accepted_gap(secret, outage.what) {
            let (from, until) = (world.ledger.seconds(outage.from), world.ledger.seconds(outage.until));
            let what = format!("{}: readers were cut off ({:?})", secret.what(), outage.what);
            world.ledger.fail(format!("{what} from {from:.1} s to {until:.1} s"));
        }
    }
}
