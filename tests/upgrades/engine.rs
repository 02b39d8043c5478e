//! The secrets engine: its storage, its leases, and rotations that a restart interrupts.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::mount::{LEASE, Mount, Running};
use crate::programs::{Programs, variable};
use crate::recording::Recording;
use crate::rehearsal::{TODAY, assert_form};
use crate::{ADMIN, CLIENT, REGENERATE, SECOND};

/// When the binary is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    /// Without a rotation.
    Idle,
    /// During a rotation of a static role: its token is staged.
    RolePending,
    /// During an in-place rotation of a config: the answer with the new secret is lost.
    RootAnswerLost,
    /// During a rotation to a config's second client.
    RootLease,
}

impl Stop {
    const ALL: [Self; 4] = [Self::Idle, Self::RolePending, Self::RootAnswerLost, Self::RootLease];

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "engine/idle",
            Self::RolePending => "engine/role-pending",
            Self::RootAnswerLost => "engine/root-answer-lost",
            Self::RootLease => "engine/root-lease",
        }
    }
}

/// The tokens that readers have, and the internal data of a lease.
async fn fill(running: &Running) -> String {
    let config = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    running.ask("write", "config/main", config).await;
    let admin = json!({
        "region": "mypurecloud.ie", "client_id": ADMIN.0, "client_secret": ADMIN.1, "rotates": [SECOND.0, CLIENT.0],
    });
    running.ask("write", "config/admin", admin).await;
    let role = json!({"config": "main", "ttl": "1h", "probes": ["GET /api/v2/users?pageSize=1"]});
    running.ask("write", "roles/ci", role).await;
    running.ask("write", "static-roles/ci", json!({"config": "main", "rotation_period": "6h"})).await;
    running.read("token/ci").await;
    running.ask("read", "creds/ci", Value::Null).await.secret.expect("a lease").internal_data
}

/// Fields and entries that the earliest programs do not know.
async fn fill_with_newer_fields(running: &Running) {
    let newer = [
        ("config/main", json!({"allowed_roles": "*", "rotation_period": "720h", "accept_gap": true})),
        ("roles/ci", json!({"keep_alive": true})),
        ("static-roles/ci", json!({"keep_alive": true})),
        ("static-roles/dates", json!({"config": "main", "rotation_schedule": "30 2 * * *"})),
    ];
    for (path, fields) in newer {
        running.ask("write", path, fields).await;
    }
}

/// A mount with a lease, on which a rotation was stopped.
async fn prepare(mount: &Mount, programs: &Programs, stop: Stop, commit: &str) -> Recording {
    let running = mount.start(programs).await;
    let lease = fill(&running).await;
    let (faults, genesys, journal) = (&mount.simulation.faults, &mount.simulation.genesys, &mount.simulation.journal);
    journal.clear();
    match stop {
        Stop::Idle => drop(running),
        Stop::RolePending => {
            faults.choose_with(|operation, _| (operation == "GET /api/v2/users/me").then_some(Effect::Hang));
            running.kill_during("rotate-role/ci", || journal.count("GET /api/v2/users/me") > 0).await;
        }
        Stop::RootAnswerLost => {
            let lost = Effect::DelayAnswer(Duration::from_secs(3600));
            faults.choose_with(move |operation, _| (operation == REGENERATE).then_some(lost.clone()));
            running.kill_during("rotate-root/main", || !genesys.accepts(CLIENT.0, CLIENT.1)).await;
        }
        Stop::RootLease => {
            let two = json!({
                "region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1,
                "idle_client_id": SECOND.0, "admin_config": "admin",
            });
            running.ask("write", "config/two", two).await;
            faults.choose_with(|operation, _| (operation == REGENERATE).then_some(Effect::Hang));
            running.kill_during("rotate-root/two", || journal.count(REGENERATE) > 0).await;
        }
    }
    faults.clear();
    let mut entries = mount.entries();
    entries.insert(LEASE.to_owned(), lease);
    Recording::new(commit, entries, &mount.simulation)
}

/// Readers keep their tokens, leases are revoked, and all rotations work.
async fn go_on(mount: &Mount, programs: &Programs, stop: Stop, lease: Option<&str>) {
    let genesys = &mount.simulation.genesys;
    let field = |entry: &str, path: &[&str]| {
        let mut value: Value = serde_json::from_str(&mount.storage.text(entry).expect(entry)).expect("JSON");
        for name in path {
            value = value[*name].take();
        }
        value.as_str().expect("a text").to_owned()
    };
    let shared = field("shared/ci", &["token", "access_token"]);
    let document: Value = serde_json::from_str(&field("static-creds/ci", &["document"])).expect("JSON");
    mount.settle();
    let running = mount.start(programs).await;
    let fixed = running.read("static-creds/ci").await;
    if stop != Stop::RolePending {
        assert_eq!(fixed["access_token"], document["access_token"], "{stop:?}");
    }
    assert!(genesys.owner_of(fixed["access_token"].as_str().expect("a token")).is_some(), "{stop:?}");
    assert_eq!(running.read("roles/ci").await["probes"], json!(["GET /api/v2/users?pageSize=1"]));
    if let Some(lease) = lease {
        let lease_token: Value = serde_json::from_str(lease).expect("JSON");
        let token = lease_token["access_token"].as_str().expect("a token");
        running.revoke(lease).await;
        assert!(genesys.owner_of(token).is_none(), "{stop:?}: the token of the lease is not revoked");
    }
    // Versions without this field do not enforce it. An upgrade requires it.
    running.ask("write", "config/admin", json!({"rotates": [CLIENT.0, SECOND.0]})).await;
    let config = if stop == Stop::RootLease { "two" } else { "main" };
    running.ask("write", &format!("rotate-root/{config}"), json!({})).await;
    let id = field(&format!("config/{config}"), &["client_id"]);
    assert!(genesys.accepts(&id, &field(&format!("config/{config}"), &["client_secret"])), "{stop:?}");
    assert_eq!(running.read("token/ci").await["access_token"], shared.as_str(), "{stop:?}");
    running.ask("write", "rotate-role/ci", json!({})).await;
    let rotated = running.read("static-creds/ci").await;
    assert_ne!(rotated["access_token"], document["access_token"]);
    assert!(mount.storage.text("static-pending/ci").is_none(), "{stop:?}: a version is left pending");
    let leased = running.ask("read", "creds/ci", Value::Null).await;
    running.revoke(&leased.secret.expect("a lease").internal_data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn today_reads_the_recorded_storage_of_the_engine() {
    for stop in Stop::ALL {
        let recordings = Recording::all(stop.name());
        assert!(!recordings.is_empty(), "nothing is recorded for {stop:?}");
        for recording in recordings {
            let mount = Mount::new().await;
            let lease = mount.restore(&recording).await;
            go_on(&mount, &Programs::today(), stop, lease.as_deref()).await;
        }
    }
}

pub async fn today_writes_the_recorded_form() {
    for stop in Stop::ALL {
        let mount = Mount::new().await;
        assert_form(stop.name(), &prepare(&mount, &Programs::today(), stop, TODAY).await.entries);
    }
    let mount = Mount::new().await;
    let running = mount.start(&Programs::today()).await;
    fill(&running).await;
    fill_with_newer_fields(&running).await;
    assert_form("engine/newer-fields", &mount.entries());
}

/// `make upgrades`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs earlier programs: make upgrades"]
async fn the_engine_survives_an_upgrade_and_a_rollback() {
    let commit = variable("UPGRADE_FROM").expect("the commit");
    let (earlier, today) = (Programs::earlier(), Programs::today());
    for (writer, reader, name) in [(&earlier, &today, commit.as_str()), (&today, &earlier, TODAY)] {
        for stop in Stop::ALL {
            let mount = Mount::new().await;
            let recording = prepare(&mount, writer, stop, name).await;
            if name != TODAY && variable("RECORD").is_some() {
                recording.store(stop.name());
            }
            let lease = recording.entries.get(LEASE).map(String::as_str);
            go_on(&mount, reader, stop, lease).await;
            // And back.
            go_on(&mount, writer, Stop::Idle, None).await;
        }
    }
}

/// Readers keep their tokens from an earlier engine, although entries have fields and kinds that it does not know.
///
/// `make upgrades`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs earlier programs: make upgrades"]
async fn an_earlier_engine_ignores_what_it_does_not_know() {
    let mount = Mount::new().await;
    let running = mount.start(&Programs::today()).await;
    fill(&running).await;
    fill_with_newer_fields(&running).await;
    // The revocation of the former token fails, and is owed.
    let refusal = FaultAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "application/json", "{}");
    mount.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Answer(refusal)));
    let leaked = running.read("token/ci").await["access_token"].as_str().expect("a token").to_owned();
    running.try_ask("update", "rotate-token/ci").await.expect_err("the platform does not answer");
    mount.simulation.faults.clear();
    let (shared, fixed) = (running.read("token/ci").await, running.read("static-creds/ci").await);
    let dates = running.read("static-creds/dates").await;
    drop(running);
    let earlier = mount.start(&Programs::earlier()).await;
    assert_eq!(earlier.read("token/ci").await["access_token"], shared["access_token"]);
    assert_eq!(earlier.read("static-creds/ci").await["access_token"], fixed["access_token"]);
    earlier.ask("read", "creds/ci", Value::Null).await;
    earlier.ask("write", "rotate-role/ci", json!({})).await;
    // It may refuse a role that has only a schedule, and must not change it.
    // Versions without schedules call this role damaged (docs/upgrading.md), and must not change it.
    let _ = earlier.try_ask("read", "static-creds/dates").await;
    drop(earlier);
    let running = mount.start(&Programs::today()).await;
    assert_eq!(running.read("static-creds/dates").await["access_token"], dates["access_token"]);
    running.ask("write", "rotate-role/dates", json!({})).await;
    running.ask("write", "rotate-role/ci", json!({})).await;
    while mount.simulation.genesys.owner_of(&leaked).is_some() {
        running.ask("rollback", "", Value::Null).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
