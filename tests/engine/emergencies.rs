//! Leaked tokens: rotations that revoke the previous token, and the revocation of any token of a client.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;
use tokio::sync::Barrier;

use crate::hosted::{Hosted, Refused, until};
use crate::scene::{CLIENT, CXONE_CLIENT, CXONE_KEY, SECOND, Scene, config};
use openbao_plugin::testing::Moment;

const REVOKE: &str = "DELETE /api/v2/tokens/me";
const EXCHANGE: &str = "POST /oauth/token";
/// More storage calls than any of these requests makes.
const MOST_CALLS: usize = 60;

impl Hosted {
    async fn rotate_and_revoke(&self) -> Result<Value, Refused> {
        let request = json!({"revoke_previous": true});
        self.call("update", "rotate-role/ci", request).await.map(|answer| answer.data)
    }

    /// The keys of the revocations that are owed.
    fn owed(&self) -> Vec<String> {
        self.storage.keys().into_iter().filter(|key| key.starts_with("revocation/")).collect()
    }

    async fn is_dead(&self, token: &str) {
        until("the token is revoked", || !self.is_live(token) && self.owed().is_empty()).await;
    }

    async fn shared(&self) -> String {
        self.read("token/ci").await["access_token"].as_str().expect("a token").to_owned()
    }

    /// An answer of the platform to a revocation, which is not executed.
    fn answer_revocations(&self, status: u16, code: &str) {
        let (status, body) = (StatusCode::from_u16(status).expect("a status"), json!({"code": code}).to_string());
        let answer = FaultAnswer::new(status, "application/json", body);
        self.simulation.faults.add(Fault::always(REVOKE, Effect::Answer(answer)));
    }
}

#[tokio::test]
async fn a_rotation_revokes_the_previous_token_once_the_new_one_is_promoted() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    assert_eq!(hosted.rotate_and_revoke().await, Ok(json!({"revoked": 1})));
    assert!(!hosted.is_live(&former) && hosted.is_live(&hosted.token().await));
    assert_eq!(hosted.owed(), [""; 0]);
    let former = hosted.token().await;
    let plain = hosted.call("update", "rotate-role/ci", json!({})).await.expect("a rotation");
    assert_eq!((plain.data, hosted.is_live(&former)), (Value::Null, true), "by default it stays valid");
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_revocation_that_fails_is_no_success_and_the_engine_repeats_it() {
    for (status, code) in
        [(401, "ip.not.authorized"), (403, "not.authorized"), (401, "authentication.required"), (200, "")]
    {
        let hosted = Hosted::with_role().await;
        let former = hosted.token().await;
        hosted.answer_revocations(status, code);
        let Refused(answered, said) = hosted.rotate_and_revoke().await.expect_err("the token is still valid");
        assert!(
            answered >= 500 && said.contains("may still be valid") && said.contains("\nhint: "),
            "{answered} {said}"
        );
        let fresh = hosted.token().await;
        assert!(fresh != former && hosted.is_live(&fresh) && hosted.is_live(&former), "{status} {code}");
        assert!(hosted.storage.is_seal_wrapped(&hosted.owed()[0]), "the token is stored seal-wrapped");
        hosted.simulation.faults.clear();
        hosted.restart().await;
        hosted.is_dead(&former).await;
        assert!(hosted.is_live(&fresh));
        hosted.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn a_failed_revocation_can_be_repeated_until_it_succeeds() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.answer_revocations(403, "not.authorized");
    assert!(hosted.rotate_and_revoke().await.is_err());
    hosted.simulation.faults.clear();
    assert_eq!(hosted.rotate_and_revoke().await, Ok(json!({"revoked": 1})));
    assert!(!hosted.is_live(&former) && hosted.owed().is_empty());
    assert_eq!(hosted.live(), [hosted.token().await]);
}

#[tokio::test]
async fn a_request_whose_rotation_fails_keeps_the_token_and_revokes_it_once_it_is_replaced() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let Refused(status, said) = hosted.rotate_and_revoke().await.expect_err("no token is valid");
    assert!(status == 400 && said.contains("revokes the previous token once it is replaced"), "{said}");
    hosted.tick().await;
    assert!(hosted.is_live(&former) && hosted.token().await == former, "readers keep their token");
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    hosted.call("update", "rotate-role/ci", json!({})).await.expect("a plain rotation");
    hosted.restart().await;
    hosted.is_dead(&former).await;
    assert!(hosted.is_live(&hosted.token().await));
}

#[tokio::test]
async fn a_request_that_shares_a_rotation_revokes_the_token_that_readers_had_when_it_arrived() {
    let hosted = Hosted::with_role().await;
    let former = hosted.token().await;
    let barrier = Arc::new(Barrier::new(2));
    hosted.simulation.faults.add(Fault::once(EXCHANGE, Effect::Meet(barrier.clone())));
    let minted = hosted.simulation.genesys.minted();
    let plain = hosted.call("update", "rotate-role/ci", json!({}));
    let revoking = join_all((0..8).map(|_| hosted.rotate_and_revoke()));
    let release = async {
        tokio::time::sleep(SECOND / 2).await;
        barrier.wait().await;
    };
    let (plain, revoking, ()) = tokio::join!(plain, revoking, release);
    plain.expect("a rotation");
    assert!(revoking.iter().all(Result::is_ok), "{revoking:?}");
    assert!(!hosted.is_live(&former), "no request that asked for it succeeds before");
    assert!(hosted.is_live(&hosted.token().await) && hosted.owed().is_empty());
    assert!(hosted.simulation.genesys.minted() <= minted + 3, "requests share rotations");
}

#[tokio::test]
async fn a_kill_at_any_storage_call_loses_no_revocation_and_no_reader_gets_a_revoked_token() {
    for moment in [Moment::Before, Moment::After] {
        let hosted = Hosted::with_role().await;
        for calls_before in 0..MOST_CALLS {
            let former = hosted.token().await;
            hosted.kill_at(calls_before, moment);
            let answer = hosted.rotate_and_revoke().await;
            let was_killed = !hosted.storage.cancel();
            assert!(hosted.stored_token().is_some_and(|token| hosted.is_live(&token)), "after {calls_before} calls");
            if !was_killed {
                answer.expect("the request was not interrupted");
                assert!(calls_before > 6 && !hosted.is_live(&former));
                break;
            }
            assert!(answer.is_err() || !hosted.is_live(&former), "after {calls_before} calls");
            let was_owed = !hosted.owed().is_empty();
            let was_replaced = hosted.stored_token().is_some_and(|token| token != former);
            assert!(!was_replaced || was_owed || !hosted.is_live(&former), "a revocation is lost at {calls_before}");
            hosted.restart().await;
            if was_owed {
                // A kill before the promotion leaves the rotation to the next request.
                hosted.call("update", "rotate-role/ci", json!({})).await.expect("a rotation");
                hosted.restart().await;
                hosted.is_dead(&former).await;
            }
            assert!(hosted.is_live(&hosted.token().await), "after {calls_before} calls");
        }
        hosted.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn a_shared_token_is_replaced_and_the_previous_one_revoked() {
    let hosted = Hosted::with_shared_role().await;
    let former = hosted.shared().await;
    let answer = hosted.call("update", "rotate-token/ci", json!({})).await.expect("a new token").data;
    assert_eq!(answer["revoked"], 1, "{answer}");
    let fresh = hosted.shared().await;
    assert!(!hosted.is_live(&former) && hosted.is_live(&fresh) && hosted.owed().is_empty());
    assert!(!answer.to_string().contains(&fresh), "an operator does not get the token");
    let kept = hosted.call("update", "rotate-token/ci", json!({"revoke_previous": false})).await.expect("a new token");
    assert_eq!(kept.data["revoked"], 0);
    assert!(hosted.is_live(&fresh) && hosted.shared().await != fresh);
    let minted = hosted.simulation.genesys.minted();
    hosted.simulation.faults.add(Fault::once(EXCHANGE, Effect::Delay(SECOND / 2)));
    let (before, rotate) = (hosted.shared().await, || hosted.call("update", "rotate-token/ci", json!({})));
    assert!(join_all((0..30).map(|_| rotate())).await.iter().all(Result::is_ok));
    assert!(!hosted.is_live(&before) && hosted.is_live(&hosted.shared().await));
    assert!(hosted.simulation.genesys.minted() <= minted + 2, "concurrent requests share a new token");
    hosted.rejected("update", "rotate-token/none", json!({})).await;
    hosted.write("roles/new", json!({"config": "main"})).await;
    let minted = hosted.simulation.genesys.minted();
    let rotate = || hosted.call("update", "rotate-token/new", json!({}));
    assert!(join_all((0..30).map(|_| rotate())).await.iter().all(Result::is_ok));
    assert!(hosted.simulation.genesys.minted() <= minted + 2, "also without a previous token");
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_kill_at_any_storage_call_of_a_shared_tokens_end_leaves_callers_a_valid_token_and_can_be_repeated() {
    for (path, moment) in [("rotate-token/ci", Moment::Before), ("revoke/main", Moment::After)] {
        let hosted = Hosted::with_shared_role().await;
        for calls_before in 0..MOST_CALLS {
            let former = hosted.shared().await;
            let request = if path == "revoke/main" { json!({"token": former}) } else { json!({}) };
            hosted.kill_at(calls_before, moment);
            let answer = hosted.call("update", path, request.clone()).await;
            let was_killed = !hosted.storage.cancel();
            assert!(answer.is_err() || !hosted.is_live(&former), "{path} after {calls_before} calls");
            if !was_killed {
                answer.expect("the request was not interrupted");
                assert!(calls_before > 4 && hosted.is_live(&hosted.shared().await));
                break;
            }
            hosted.restart().await;
            // Without a stored revocation nothing has happened: readers keep their token.
            assert!(hosted.is_live(&hosted.shared().await), "{path} after {calls_before} calls");
            let repeated = hosted.call("update", path, request).await;
            // A token that the first request ended is no longer known.
            assert!(repeated.is_ok() || !hosted.is_live(&former), "{path} after {calls_before} calls: {repeated:?}");
            hosted.restart().await;
            until("nothing is owed", || hosted.owed().is_empty()).await;
            assert!(path != "revoke/main" || !hosted.is_live(&former), "{path} after {calls_before} calls");
            assert!(hosted.is_live(&hosted.shared().await), "{path} after {calls_before} calls");
        }
        hosted.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn a_shared_token_that_cannot_be_replaced_stays_valid_and_a_failed_revocation_is_repeated() {
    let hosted = Hosted::with_shared_role().await;
    let former = hosted.shared().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    hosted.rejected("update", "rotate-token/ci", json!({})).await;
    assert_eq!(hosted.shared().await, former);
    assert!(hosted.is_live(&former));
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    hosted.answer_revocations(403, "not.authorized");
    let Refused(status, said) = hosted.call("update", "rotate-token/ci", json!({})).await.expect_err("still valid");
    assert!(status >= 500 && said.contains("may still be valid"), "{said}");
    assert_ne!(hosted.shared().await, former, "callers get the new token");
    hosted.simulation.faults.clear();
    hosted.restart().await;
    hosted.is_dead(&former).await;
    assert!(hosted.is_live(&hosted.shared().await));
}

#[tokio::test]
async fn any_token_of_a_configs_client_can_be_revoked_and_no_other() {
    let hosted = Hosted::with_shared_role().await;
    let leased = hosted.call("read", "creds/ci", Value::Null).await.expect("a token");
    let token = leased.data["access_token"].as_str().expect("a token").to_owned();
    let other = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-too");
    hosted.simulation.genesys.add_client(OAuthClient::new(other.0, other.1));
    let config = json!({"region": "mypurecloud.ie", "client_id": other.0, "client_secret": other.1});
    hosted.write("config/other", config).await;
    let message = hosted.rejected("update", "revoke/other", json!({"token": token})).await;
    assert!(message.starts_with("TokenOwnerMismatch: ") && !message.contains(&token), "{message}");
    assert!(hosted.is_live(&token));
    for wrong in [json!({}), json!({"token": ""}), json!({"token": "a b"}), json!({"token": "a\u{7f}"})] {
        let message = hosted.rejected("update", "revoke/main", wrong).await;
        assert!(message.contains("token"), "{message}");
    }
    let revoked = hosted.write("revoke/main", json!({"token": format!("{token}\n")})).await.data;
    assert_eq!(revoked, json!({"revoked": true, "replaced": []}));
    assert!(!hosted.is_live(&token) && hosted.owed().is_empty());
    let message = hosted.rejected("update", "revoke/main", json!({"token": token})).await;
    assert!(message.contains("already rejects this token"), "the owner of a rejected token is unknown: {message}");
    hosted.revoke(&leased.lease.expect("a lease")).await.expect("its lease ends");
    hosted.assert_no_secrets_logged();
    assert!(!hosted.has_logged(&token));
}

#[tokio::test]
async fn a_token_of_the_client_that_was_in_use_before_can_be_revoked_and_another_failure_does_not_matter() {
    let hosted = Hosted::with_shared_role().await;
    let leak = async || {
        let leased = hosted.call("read", "creds/ci", Value::Null).await.expect("a token").data;
        leased["access_token"].as_str().expect("a token").to_owned()
    };
    let (first, second) = (leak().await, leak().await);
    hosted.answer_revocations(403, "not.authorized");
    assert!(hosted.call("update", "revoke/main", json!({"token": first})).await.is_err());
    hosted.simulation.faults.clear();
    // The clients were exchanged.
    let other = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-too");
    hosted.simulation.genesys.add_client(OAuthClient::new(other.0, other.1));
    let exchanged = json!({"client_id": other.0, "client_secret": other.1, "idle_client_id": CLIENT.0,
        "admin_config": "main", "verify_connection": false});
    hosted.write("config/main", exchanged).await;
    hosted.simulation.faults.add(Fault::once(REVOKE, Effect::DelayAnswer(SECOND / 4)));
    hosted.write("revoke/main", json!({"token": second})).await;
    assert!(!hosted.is_live(&second));
    hosted.restart().await;
    hosted.is_dead(&first).await;
}

#[tokio::test]
async fn a_token_that_roles_return_is_replaced_before_it_is_revoked() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let (fixed, shared) = (hosted.token().await, hosted.shared().await);
    for (token, role) in [(&fixed, "static-roles/ci"), (&shared, "roles/ci")] {
        let answer = hosted.write("revoke/main", json!({"token": token})).await.data;
        assert_eq!(answer, json!({"revoked": true, "replaced": [role]}));
        assert!(!hosted.is_live(token));
    }
    assert!(hosted.is_live(&hosted.token().await) && hosted.is_live(&hosted.shared().await));
    // A token that was revoked at the platform is replaced as well.
    let fixed = hosted.token().await;
    hosted.simulation.genesys.revoke_all();
    hosted.write("revoke/main", json!({"token": fixed})).await;
    assert!(hosted.is_live(&hosted.token().await));
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_token_whose_role_cannot_be_rotated_is_not_revoked_until_its_role_is_deleted() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let message = hosted.rejected("update", "revoke/main", json!({"token": token})).await;
    assert!(message.contains("static-roles/ci returns this token") && message.contains("delete static-roles/ci"));
    assert!(hosted.is_live(&token) && hosted.token().await == token);
    hosted.call("delete", "static-roles/ci", Value::Null).await.expect("the role is deleted");
    assert!(!hosted.is_live(&token));
    hosted.restart().await;
    hosted.is_dead(&token).await;
}

#[tokio::test]
async fn a_platform_without_revocation_promises_none() {
    let hosted = Hosted::empty().await;
    let form = json!({"platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com",
        "client_id": CXONE_CLIENT.0, "client_secret": CXONE_CLIENT.1,
        "access_key_id": CXONE_KEY.0, "access_key_secret": CXONE_KEY.1, "verify_connection": false});
    hosted.write("config/main", form).await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    hosted.write("static-roles/ci", json!({"config": "main", "rotation_period": 3_600})).await;
    let minted = hosted.simulation.cxone.minted();
    for (path, request) in [
        ("rotate-role/ci", json!({"revoke_previous": true})),
        ("rotate-token/ci", json!({})),
        ("revoke/main", json!({"token": "hush"})),
    ] {
        let message = hosted.rejected("update", path, request).await;
        assert!(message.contains("has no call to revoke a token; nothing was done"), "{message}");
    }
    assert_eq!(hosted.simulation.cxone.minted(), minted);
    hosted.write("rotate-token/ci", json!({"revoke_previous": false})).await;
    // The token is still one of the former platform.
    let mut genesys = config();
    genesys["platform"] = json!("genesys-cloud");
    hosted.write("config/main", genesys).await;
    let message = hosted.rejected("update", "rotate-token/ci", json!({})).await;
    assert!(message.contains("nothing was done"), "{message}");
    hosted.write("rotate-token/ci", json!({"revoke_previous": false})).await;
    hosted.write("rotate-token/ci", json!({})).await;
}

/// The commands of the pages, with the token on standard input.
// The command blocks this thread, while the simulator needs another one.
#[tokio::test(flavor = "multi_thread")]
async fn in_openbao_an_operator_ends_leaked_tokens_without_reading_any() {
    let Some(scene) = Scene::start().await else { return };
    scene.write("static-roles/ci", json!({"config": "main", "rotation_period": "1h"})).await;
    let policy = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/vault/policies/operator.hcl"));
    let operator = scene.bao.token(policy).await;
    let token = |answer: &Value| answer["data"]["access_token"].as_str().expect("a token").to_owned();
    let leaked = [scene.read("creds/ci").await, scene.read("token/ci").await, scene.read("static-creds/ci").await];
    let leaked = leaked.each_ref().map(token);
    for (token, path, request) in [
        (&leaked[0], "revoke/main", json!({"token": leaked[0]})),
        (&leaked[1], "rotate-token/ci", json!({})),
        (&leaked[2], "rotate-role/ci", json!({"revoke_previous": true})),
    ] {
        let path = format!("genesys-cloud/{path}");
        let (status, answer) = scene.bao.call_as(&operator, "PUT", &path, request).await;
        assert!(status == 200 && !answer.to_string().contains(token.as_str()), "{path}: {status}");
        assert!(!scene.live().contains(token), "{path}");
    }
    let again = token(&scene.read("creds/ci").await);
    let output =
        scene.bao.command_with_input(&["write", "genesys-cloud/revoke/main", "token=-"], &format!("{again}\n"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!scene.live().contains(&again));
    assert!(!scene.bao.log().contains(&again));
}
