//! What the Vault Secrets Operator 1.4.1 computes from the answers of `static-creds/`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::kubernetes_cluster::{Cluster, service_account_token};
use super::kubernetes_files::manifest;
use crate::bao::until;

/// Added to `ttl` where the answer has a period. The operator adds up to 0.15 s more, as jitter.
const EXTRA: Duration = Duration::from_millis(500);
/// How long the operator waits for a rotation that is due, reading again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the operator keeps of an answer.
#[derive(Clone, Debug, PartialEq)]
struct Metadata {
    last_rotation: i64,
    period: i64,
    schedule: String,
    ttl: i64,
}

impl Metadata {
    /// The operator panics on a rotation time that is no text, and fails on numbers that are no integers.
    fn of(data: &Value) -> Self {
        let last: Timestamp = data["last_vault_rotation"].as_str().expect("a text").parse().expect("RFC 3339");
        let schedule = data["rotation_schedule"].as_str().unwrap_or_default().to_owned();
        let number = |field: &str| data[field].as_i64().unwrap_or_else(|| panic!("{field}: {data}"));
        Self { last_rotation: last.as_second(), period: number("rotation_period"), schedule, ttl: number("ttl") }
    }

    /// Without this, the operator never reads again.
    fn is_static(&self) -> bool {
        self.last_rotation > 0 && (self.period >= 1 || !self.schedule.is_empty())
    }

    /// The wait until the next read.
    fn horizon(&self) -> Duration {
        let ttl = Duration::from_secs(self.ttl.unsigned_abs());
        if ttl.is_zero() { Duration::from_secs(1) } else { ttl + EXTRA }
    }

    /// Whether a read in the same rotation is too early: the operator reads again.
    fn is_early(&self, before: &Self, since: Duration) -> bool {
        let expected = (before.ttl - i64::try_from(since.as_secs()).expect("seconds")).max(0);
        let is_reset = self.ttl >= before.ttl || (expected <= 5 && self.ttl > 5);
        self.ttl <= 2 || (!self.schedule.is_empty() && is_reset)
    }
}

/// The operator's view of one resource.
struct Operator<'a> {
    cluster: &'a Cluster,
    path: String,
    includes: Vec<String>,
    login: String,
    status: Option<(Metadata, Instant)>,
    secret: Map<String, Value>,
    restarts: usize,
}

impl<'a> Operator<'a> {
    async fn start(cluster: &'a Cluster, resource: &Value, auth: &Value) -> Self {
        let kubernetes = &auth["spec"]["kubernetes"];
        assert_eq!((&auth["spec"]["method"], &auth["spec"]["mount"]), (&json!("kubernetes"), &json!("kubernetes")));
        let account = kubernetes["serviceAccount"].as_str().expect("a name");
        let jwt = service_account_token(account, kubernetes["audiences"][0].as_str().expect("an audience"));
        let login = cluster.log_in(kubernetes["role"].as_str().expect("a role"), &jwt).await;
        let spec = &resource["spec"];
        assert_eq!((&spec["allowStaticCreds"], spec.get("params")), (&json!(true), None), "params would send PUT");
        let path = format!("{}/{}", spec["mount"].as_str().expect("a mount"), spec["path"].as_str().expect("a path"));
        let includes = spec["destination"]["transformation"]["includes"].as_array().expect("a list").iter();
        let includes =
            includes.map(|name| name.as_str().expect("a text").trim_matches(['^', '$']).to_owned()).collect();
        Self { cluster, path, includes, login, status: None, secret: Map::new(), restarts: 0 }
    }

    async fn read(&self) -> Value {
        self.cluster.read(&self.login, &self.path).await
    }

    /// One synchronization, also where nothing is due: after a new login, an annotation, or a restart. `false` if the
    /// rotation did not happen in time, which the operator reports as an error.
    async fn synchronize(&mut self) -> bool {
        let mut data = self.read().await;
        let mut metadata = Metadata::of(&data);
        assert!(metadata.is_static(), "{data}");
        if let Some((before, at)) =
            self.status.clone().filter(|(before, _)| before.last_rotation == metadata.last_rotation)
        {
            let (started, mut pause) = (Instant::now(), EXTRA);
            loop {
                data = self.read().await;
                metadata = Metadata::of(&data);
                if metadata.last_rotation != before.last_rotation || !metadata.is_early(&before, at.elapsed()) {
                    break;
                }
                if started.elapsed() > PATIENCE {
                    return false;
                }
                tokio::time::sleep(pause).await;
                pause = pause.mul_f64(1.5).min(Duration::from_secs(2));
            }
        }
        self.status = Some((metadata, Instant::now()));
        let fields = data.as_object().expect("an object").iter().filter(|(name, _)| self.includes.contains(name));
        let secret: Map<_, _> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        // The operator compares all fields but these, and restarts the targets if they differ.
        if compared(&secret) != compared(&self.secret) {
            self.restarts += usize::from(!self.secret.is_empty());
            self.secret = secret;
        }
        true
    }
}

fn compared(secret: &Map<String, Value>) -> Map<String, Value> {
    let is_left_out = |name: &str| {
        name.starts_with("ttl")
            || name.ends_with("_raw")
            || ["rotation_schedule", "rotation_period", "last_vault_rotation"].iter().any(|part| name.contains(part))
    };
    secret.iter().filter(|(name, _)| !is_left_out(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The resources of the manifest; `None` without the tests' Python.
fn resources() -> Option<(Value, Value)> {
    let resource = manifest("vso.yaml", "VaultDynamicSecret", "genesys-token")?;
    let auth = manifest("vso.yaml", "VaultAuth", resource["spec"]["vaultAuthRef"].as_str().expect("a name"))?;
    manifest("vso.yaml", "VaultConnection", auth["spec"]["vaultConnectionRef"].as_str().expect("a name"))?;
    Some((resource, auth))
}

#[tokio::test]
async fn the_operator_reads_again_after_the_rotation_of_every_kind_of_static_role() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    for role in [
        json!({"rotation_period": "12h"}),
        json!({"rotation_period": "60s"}),
        json!({"rotation_schedule": "0 */6 * * *", "rotation_window": "1h"}),
        json!({"rotation_period": "1h", "disable_automated_rotation": true}),
    ] {
        cluster.bao.call("DELETE", "genesys-cloud/static-roles/ci", Value::Null).await;
        let mut body = json!({"config": "main"});
        body.as_object_mut().expect("an object").extend(role.as_object().expect("an object").clone());
        cluster.bao.post("genesys-cloud/static-roles/ci", body).await;
        let mut operator = Operator::start(&cluster, &resource, &auth).await;
        let data = operator.read().await;
        let metadata = Metadata::of(&data);
        assert!(metadata.is_static(), "{role}: {data}");
        let left = Duration::from_secs(data["token_ttl"].as_u64().expect("seconds"));
        assert!(
            metadata.horizon() + PATIENCE < left,
            "{role}: the token expires before the operator reads again: {data}"
        );
        assert!(operator.synchronize().await, "{role}");
        let before = operator.secret.clone();
        cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
        assert!(operator.synchronize().await && operator.secret != before, "{role}: after a requested rotation");
        assert_eq!(operator.restarts, 1, "{role}");
    }
}

/// With a token lifetime of seconds, the Secret has a valid token at every moment before and after a rotation.
#[tokio::test]
async fn the_secret_never_has_an_expired_token() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    cluster.simulation.genesys.set(|settings| settings.token_lifetime = 16);
    cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
    let mut operator = Operator::start(&cluster, &resource, &auth).await;
    loop {
        assert!(operator.synchronize().await, "the rotation came too late: {:?}", operator.status);
        assert!(cluster.accepts(&operator.secret["access_token"]), "{:?}", operator.status);
        if operator.restarts == 1 {
            return;
        }
        let next = Instant::now() + operator.status.as_ref().expect("a status").0.horizon();
        while Instant::now() < next {
            assert!(cluster.accepts(&operator.secret["access_token"]), "{:?}", operator.status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_new_login_of_the_operator_restarts_nothing() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    assert_eq!(cluster.bao.call_as("", "GET", "sys/seal-status", Value::Null).await.0, 200, "of a VaultConnection");
    let scheduled = json!({"rotation_schedule": "0 */6 * * *", "rotation_window": "1h"});
    for change in [json!({}), scheduled] {
        cluster.bao.post("genesys-cloud/static-roles/ci", change).await;
        let mut operator = Operator::start(&cluster, &resource, &auth).await;
        assert!(operator.synchronize().await);
        let first = operator.read().await;
        let all = |data: &Value| compared(data.as_object().expect("an object"));
        until("token_ttl has changed", async || all(&operator.read().await) != all(&first)).await;
        for _ in 0..2 {
            let renew = json!({"increment": 600});
            assert_eq!(cluster.bao.call_as(&operator.login, "PUT", "auth/token/renew-self", renew).await.0, 200);
            assert_eq!(cluster.bao.call_as(&operator.login, "GET", "auth/token/lookup-self", Value::Null).await.0, 200);
            operator.login = Operator::start(&cluster, &resource, &auth).await.login;
            assert!(operator.synchronize().await);
        }
        assert_eq!(operator.restarts, 0);
    }
    assert_eq!(resource["spec"]["destination"]["transformation"]["excludeRaw"], true, "_raw has all fields");
}

/// The operator asks for this at each deletion, also with `revoke: false`.
#[tokio::test]
async fn a_deleted_resource_ends_no_token_of_others() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    let mut operator = Operator::start(&cluster, &resource, &auth).await;
    assert!(operator.synchronize().await);
    let (status, answer) =
        cluster.bao.call_as(&operator.login, "PUT", "sys/leases/revoke", json!({"lease_id": ""})).await;
    assert!((400..500).contains(&status), "{status} {answer}");
    assert_eq!(cluster.bao.call_as(&operator.login, "PUT", "auth/token/revoke-self", json!({})).await.0, 204);
    assert!(cluster.accepts(&operator.secret["access_token"]));
}

/// The rotation fails: the operator keeps the former token, and gets the next one after the recovery.
#[tokio::test]
async fn the_secret_recovers_from_failed_rotations() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    let mut operator = Operator::start(&cluster, &resource, &auth).await;
    assert!(operator.synchronize().await);
    let before = operator.secret.clone();
    cluster.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert!(cluster.bao.call("POST", "genesys-cloud/rotate-role/ci", json!({})).await.0 >= 400);
    let failed = Metadata::of(&operator.read().await);
    assert!(failed.ttl <= 10, "the operator reads again when the engine retries: {failed:?}");
    assert!(operator.synchronize().await && operator.secret == before && operator.restarts == 0);
    assert!(cluster.accepts(&before["access_token"]));
    cluster.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    until("the operator has the next token", async || {
        Metadata::of(&operator.read().await).last_rotation != failed.last_rotation
    })
    .await;
    assert!(
        operator.synchronize().await && operator.restarts == 1 && cluster.accepts(&operator.secret["access_token"])
    );
}

/// Operators refresh at any moment of a rotation: each answer is one whole credential that the platform accepts.
#[tokio::test]
async fn reads_during_rotations_return_one_whole_credential() {
    let Some((resource, auth)) = resources() else { return };
    let Some(cluster) = Cluster::start().await else { return };
    let operator = Operator::start(&cluster, &resource, &auth).await;
    let is_over = std::cell::Cell::new(false);
    let mut seen = BTreeMap::new();
    let read = async {
        while !is_over.get() {
            let (one, other) = tokio::join!(operator.read(), operator.read());
            for data in [one, other] {
                assert!(cluster.accepts(&data["access_token"]), "{data}");
                let rotation =
                    ["last_vault_rotation", "last_rotation", "expires_at"].map(|field| data[field].to_string());
                let known = seen.entry(data["access_token"].to_string()).or_insert_with(|| rotation.clone());
                assert_eq!(*known, rotation, "{data}");
            }
        }
    };
    let rotate = async {
        for _ in 0..5 {
            cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
        }
        is_over.set(true);
    };
    tokio::join!(read, rotate);
    assert!(seen.len() > 1, "reads overlapped with rotations");
}

/// `ttl` is then the time to the engine's next attempt: 20 s here, where the rotation was due in 3 s.
#[test]
fn after_a_failed_rotation_the_operator_reports_success_with_a_period_and_an_error_with_a_schedule() {
    let answer =
        |ttl: i64, schedule: &str| Metadata { last_rotation: 1, period: 3_600, schedule: schedule.to_owned(), ttl };
    for (schedule, is_error) in [("", false), ("0 */6 * * *", true)] {
        let (before, after) = (answer(3, schedule), answer(20, schedule));
        assert_eq!(after.is_early(&before, Duration::from_secs(4)), is_error, "{schedule:?}");
    }
}
