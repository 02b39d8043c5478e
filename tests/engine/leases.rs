//! Leased tokens.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::bao::until;
use crate::hosted::{Hosted, IssuedLease, Refused};
use crate::scene::{SECOND, Scene, errors};
use crate::static_nodes::{PERFORMANCE_SECONDARY, READ_ONLY, STANDBY};

const REVOKE: &str = "DELETE /api/v2/tokens/me";

impl Hosted {
    /// A lease of a new token.
    pub async fn lease(&self) -> IssuedLease {
        self.call("read", "creds/ci", Value::Null).await.expect("a token").lease.expect("a lease")
    }
}

#[tokio::test]
async fn a_leased_token_is_new_and_validated_and_is_revoked_with_its_lease() {
    let Some(scene) = Scene::start().await else { return };
    let calls = scene.simulation.journal.calls().len();
    let answer = scene.read("creds/ci").await;
    let made: Vec<_> = scene.simulation.journal.calls().split_off(calls);
    let mut operations: Vec<_> = made.iter().map(|call| call.operation.as_str()).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["GET /api/v2/tokens/me", "GET /api/v2/users/me", "POST /oauth/token"]);
    let data = &answer["data"];
    let mut fields: Vec<_> = data.as_object().expect("fields").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["access_token", "api_url", "expires_at", "token_type", "ttl"]);
    assert_eq!(data["api_url"], scene.simulation.genesys_url());
    assert!(data["ttl"].as_u64().is_some_and(|ttl| (86_300..=86_399).contains(&ttl)), "{data}");
    assert_eq!(scene.live(), [data["access_token"].as_str().expect("a token")]);
    assert_eq!(scene.revoke(&answer["lease_id"]).await.0, 204);
    assert!(scene.live().is_empty());
    let other = scene.read("creds/ci").await;
    assert_ne!(other["data"]["access_token"], data["access_token"]);
}

/// One server for the lease times of new and renewed leases.
#[tokio::test]
async fn leases_and_renewals_never_exceed_the_token_the_role_or_the_mount() {
    let Some(scene) = Scene::start().await else { return };
    a_renewal_never_exceeds_the_token_or_the_roles_maximum(&scene).await;
    scene.write("roles/ci", json!({"config": "main"})).await;
    a_lease_never_exceeds_the_token_the_role_or_the_mount(&scene).await;
}

async fn a_lease_never_exceeds_the_token_the_role_or_the_mount(scene: &Scene) {
    let duration = |answer: &Value| answer["lease_duration"].as_u64().expect("a duration");
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 600);
    assert!((590..600).contains(&duration(&scene.read("creds/ci").await)));
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 86_400);
    let answer = scene.write("roles/ci", json!({"ttl": "2h", "max_ttl": "1h"})).await;
    assert!(answer["warnings"].to_string().contains("3600 s"), "{answer}");
    assert_eq!(duration(&scene.read("creds/ci").await), 3_600);
    scene.bao.post("sys/mounts/genesys-cloud/tune", json!({"max_lease_ttl": "120s"})).await;
    assert_eq!(duration(&scene.read("creds/ci").await), 120);
    let answer = scene.write("roles/ci", json!({"max_ttl": "1h", "ttl": 0})).await;
    assert!(answer["warnings"].to_string().contains("120 s"), "{answer}");
}

async fn a_renewal_never_exceeds_the_token_or_the_roles_maximum(scene: &Scene) {
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 1_000);
    scene.write("roles/ci", json!({"ttl": 60})).await;
    let lease = scene.read("creds/ci").await["lease_id"].clone();
    let renew = async |increment: u64| {
        let request = json!({"lease_id": lease, "increment": increment});
        scene.bao.call("PUT", "sys/leases/renew", request).await
    };
    let (status, answer) = renew(300).await;
    assert_eq!((status, answer["lease_duration"].as_u64()), (200, Some(300)), "{answer}");
    let (_, answer) = renew(100_000).await;
    assert!(answer["lease_duration"].as_u64().is_some_and(|left| (900..1_000).contains(&left)), "{answer}");
    let limited = |answer: &Value| answer["warnings"].to_string().contains("the lease was limited to");
    assert!(limited(&answer), "{answer}");
    let (_, shorter) = renew(300).await;
    assert!(!limited(&shorter), "{shorter}");
    scene.write("roles/ci", json!({"max_ttl": 200})).await;
    let (_, answer) = renew(100_000).await;
    assert!(answer["lease_duration"].as_u64().is_some_and(|left| left <= 200), "{answer}");
    assert_eq!(scene.call("DELETE", "roles/ci", Value::Null).await.0, 204);
    let (status, answer) = renew(60).await;
    assert!(status >= 400 && errors(&answer).contains("was deleted"), "{status} {answer}");
    assert_eq!(scene.revoke(&lease).await.0, 204, "a lease without its role can be revoked");
    assert!(scene.live().is_empty());
}

#[tokio::test]
async fn an_expired_token_counts_as_revoked_and_a_foreign_answer_does_not() {
    let hosted = Hosted::with_shared_role().await;
    let lease = hosted.lease().await;
    for status in [StatusCode::NOT_FOUND, StatusCode::OK] {
        let page = FaultAnswer::new(status, "text/html", "<h1>please log in</h1>");
        hosted.simulation.faults.add(Fault::always(REVOKE, Effect::Answer(page)));
        hosted.revoke(&lease).await.expect_err("the answer is not the platform's");
        assert_eq!(hosted.live().len(), 1);
        hosted.simulation.faults.clear();
    }
    hosted.simulation.genesys.revoke_all();
    hosted.revoke(&lease).await.expect("the token is revoked");
}

#[tokio::test]
async fn a_failed_revocation_is_retried_until_the_platform_is_back() {
    let Some(scene) = Scene::start().await else { return };
    scene.write("roles/ci", json!({"ttl": 2})).await;
    scene.simulation.faults.add(Fault::always(REVOKE, Effect::Drop));
    scene.read("creds/ci").await;
    until("the lease expires and cannot be revoked", async || scene.bao.log().contains("failed to revoke lease")).await;
    assert_eq!(scene.live().len(), 1);
    scene.simulation.faults.clear();
    until("the host revokes the lease and its token", async || scene.live().is_empty()).await;
}

#[tokio::test]
async fn the_token_of_a_cancelled_request_is_revoked() {
    let Some(scene) = Scene::start().await else { return };
    scene.simulation.faults.add(Fault::once("GET /api/v2/users/me", Effect::Delay(2 * SECOND)));
    let url = format!("{}/v1/genesys-cloud/creds/ci", scene.bao.url);
    let client = reqwest::Client::builder().timeout(Duration::from_millis(700)).no_proxy().build().expect("a client");
    let cancelled = client.get(url).header("X-Vault-Token", &scene.bao.root).send().await;
    assert!(cancelled.is_err_and(|error| error.is_timeout()));
    let minted = scene.simulation.genesys.minted();
    assert_eq!(minted, 2, "one for the config, one for the cancelled request");
    until("the token is revoked", async || scene.live().is_empty()).await;
}

#[tokio::test]
async fn a_token_that_fails_validation_or_a_probe_is_revoked_and_not_leased() {
    let hosted = Hosted::with_shared_role().await;
    hosted.write("roles/ci", json!({"probes": ["GET /api/v2/nowhere"]})).await;
    let message = hosted.rejected("read", "creds/ci", Value::Null).await;
    assert!(message.contains("ProbeFailed"), "{message}");
    assert!(hosted.live().is_empty());
    hosted.write("roles/ci", json!({"probes": []})).await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let message = hosted.rejected("read", "creds/ci", Value::Null).await;
    assert!(message.contains("TokenRejected"), "{message}");
}

/// The host would replace a lease time of zero by its default, a month.
#[tokio::test]
async fn a_token_that_expires_during_validation_is_neither_leased_nor_shared() {
    let hosted = Hosted::with_shared_role().await;
    // The platform reports one second less, and the validation takes another.
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 2);
    hosted.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Delay(SECOND)));
    for path in ["creds/ci", "token/ci"] {
        let rejected = hosted.call("read", path, Value::Null).await;
        assert!(rejected.is_err(), "{path}: {rejected:?}");
    }
}

#[tokio::test]
async fn concurrent_readers_respect_the_platforms_rate_limit() {
    let hosted = Hosted::with_shared_role().await;
    hosted.simulation.genesys.set(|settings| settings.token_requests_per_minute = Some(5));
    let asked = hosted.simulation.journal.count("POST /oauth/token");
    let answers = join_all((0..100).map(|_| hosted.call("read", "creds/ci", Value::Null))).await;
    let asked = hosted.simulation.journal.count("POST /oauth/token") - asked;
    assert!(answers.iter().any(Result::is_ok));
    let rejected = answers.into_iter().filter_map(Result::err);
    assert!(rejected.into_iter().all(|Refused(status, message)| status == 502 && message.contains("RateLimited")));
    assert!(asked <= 60, "{asked} token requests");
}

/// For a 4xx the host gives a lease up at once (`expiration.go`, `revokeEntry`).
#[tokio::test]
async fn every_refused_revocation_is_5xx_so_that_the_host_retries_it() {
    let hosted = Hosted::with_shared_role().await;
    let lease = hosted.lease().await;
    for (status, code) in [
        (StatusCode::UNAUTHORIZED, "ip.not.authorized"),
        (StatusCode::UNAUTHORIZED, "authentication.required"),
        (StatusCode::FORBIDDEN, "missing.permissions"),
        (StatusCode::FORBIDDEN, ""),
        (StatusCode::BAD_REQUEST, "bad.request"),
        (StatusCode::TOO_MANY_REQUESTS, "too.many.requests"),
    ] {
        let body = json!({"status": status.as_u16(), "code": code, "message": "no"}).to_string();
        let answer = FaultAnswer::new(status, "application/json", body).with_header("retry-after", "60");
        hosted.simulation.faults.add(Fault::always(REVOKE, Effect::Answer(answer)));
        let Refused(answered, message) = hosted.revoke(&lease).await.expect_err(code);
        assert!(answered >= 500, "{status} {code}: {answered} {message}");
        hosted.simulation.faults.clear();
    }
    assert_eq!(hosted.live().len(), 1);
    hosted.revoke(&lease).await.expect("the platform accepts it again");
    assert!(hosted.live().is_empty());
}

#[tokio::test]
async fn a_refused_revocation_does_not_end_the_leases_retries() {
    let Some(scene) = Scene::start().await else { return };
    let body = json!({"status": 401, "code": "ip.not.authorized", "message": "no"}).to_string();
    let answer = FaultAnswer::new(StatusCode::UNAUTHORIZED, "application/json", body);
    scene.simulation.faults.add(Fault::once(REVOKE, Effect::Answer(answer)));
    scene.write("roles/ci", json!({"ttl": 2})).await;
    scene.read("creds/ci").await;
    until("the lease expires and is not revoked", async || scene.bao.log().contains("failed to revoke lease")).await;
    until("the host revokes the lease and its token", async || scene.live().is_empty()).await;
}

#[tokio::test]
async fn a_lease_that_ends_before_the_ttl_of_its_role_is_warned_of() {
    let hosted = Hosted::with_shared_role().await;
    let answer = hosted.call("read", "creds/ci", Value::Null).await.unwrap();
    assert_eq!(answer.warnings, [""; 0], "the mount's default is limited silently");
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 601);
    hosted.write("roles/ci", json!({"ttl": "2h"})).await;
    let answer = hosted.call("read", "creds/ci", Value::Null).await.unwrap();
    assert_eq!(
        answer.warnings,
        ["ttl of the role is 7200 s, but tokens of this OAuth client live 600 s: the lease ends with the token"]
    );
}

/// A secondary of Vault has leases of its own.
#[tokio::test]
async fn a_secondary_issues_leases_and_a_standby_forwards_them() {
    let hosted = Hosted::with_shared_role().await;
    hosted.system.set_replication_state(PERFORMANCE_SECONDARY);
    let lease = hosted.lease().await;
    hosted.revoke(&lease).await.unwrap();
    for state in [STANDBY, STANDBY | PERFORMANCE_SECONDARY] {
        hosted.system.set_replication_state(state);
        let refused = hosted.call("read", "creds/ci", Value::Null).await.unwrap_err();
        assert_eq!(refused, Refused(500, READ_ONLY.to_owned()));
    }
}
