//! Tokens whose only stored copy the engine deletes: none stays valid because its revocation failed or was interrupted.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::hosted::{Hosted, Refused, role, until};
use openbao_plugin::testing::Moment;

const REVOKE: &str = "DELETE /api/v2/tokens/me";
/// More storage calls than a deletion makes.
const MOST_CALLS: usize = 40;

impl Hosted {
    /// Refuses revocations until the faults are cleared.
    fn refuse_all_revocations(&self) {
        let body = json!({"code": "not.authorized"}).to_string();
        let answer = FaultAnswer::new(StatusCode::FORBIDDEN, "application/json", body);
        self.simulation.faults.add(Fault::always(REVOKE, Effect::Answer(answer)));
    }

    fn has_owed(&self) -> bool {
        self.storage.keys().iter().any(|key| key.starts_with("revocation/"))
    }

    /// Lets the platform revoke tokens again, and waits until this one is revoked.
    async fn is_revoked_later(&self, token: &str) {
        assert!(self.is_live(token) && self.has_owed(), "the revocation is owed");
        self.simulation.faults.clear();
        self.restart().await;
        until("the token is revoked", || !self.is_live(token) && !self.has_owed()).await;
        self.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn a_token_of_a_deleted_role_that_cannot_be_revoked_is_revoked_later() {
    for (path, reads, what) in [
        ("static-roles/ci", "static-creds/ci", "the role's token"),
        ("roles/ci", "token/ci", "the role's shared token"),
    ] {
        let hosted = Hosted::with_role().await;
        hosted.write("roles/ci", json!({"config": "main"})).await;
        let token = hosted.read(reads).await["access_token"].as_str().unwrap().to_owned();
        hosted.refuse_all_revocations();
        let warnings = hosted.call("delete", path, Value::Null).await.expect("the role is deleted").warnings.concat();
        let words =
            format!("{what} could not be revoked; it is revoked in the background as soon as the platform allows");
        assert!(warnings.starts_with(&words) && warnings.contains("PermissionMissing: "), "{warnings}");
        hosted.is_revoked_later(&token).await;
    }
}

#[tokio::test]
async fn a_token_without_a_role_that_cannot_be_revoked_is_revoked_later() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.refuse_all_revocations();
    hosted.storage.remove("static-roles/ci");
    hosted.invalidate("static-roles/ci").await;
    hosted.tick().await;
    until("the credential is deleted", || hosted.storage.text("static-creds/ci").is_none()).await;
    hosted.is_revoked_later(&token).await;
}

#[tokio::test]
async fn a_staged_token_of_a_failed_write_that_cannot_be_revoked_is_revoked_later() {
    let hosted = Hosted::start().await;
    hosted.refuse_all_revocations();
    let answer = FaultAnswer::new(StatusCode::NOT_FOUND, "application/json", json!({"code": "no"}).to_string());
    hosted.simulation.faults.add(Fault::always("GET /api/v2/users", Effect::Answer(answer)));
    let Refused(_, message) = hosted.call("write", "static-roles/ci", role()).await.expect_err("the probe fails");
    assert!(message.starts_with("ProbeFailed"), "{message}");
    let token = hosted.live().pop().expect("the staged token");
    hosted.is_revoked_later(&token).await;
}

#[tokio::test]
async fn a_token_of_a_failed_request_that_cannot_be_revoked_is_revoked_later() {
    for (path, role) in [("creds/ci", "roles/ci"), ("token/ci", "roles/ci")] {
        let hosted = Hosted::start().await;
        hosted.write(role, json!({"config": "main", "probes": ["GET /api/v2/nowhere"]})).await;
        hosted.refuse_all_revocations();
        hosted.call("read", path, Value::Null).await.expect_err("the probe fails");
        let token = hosted.live().pop().expect("the token that no reader got");
        hosted.tick().await;
        until("the revocation is owed", || hosted.has_owed()).await;
        hosted.is_revoked_later(&token).await;
    }
}

#[tokio::test]
async fn a_token_that_could_neither_be_stored_nor_revoked_is_revoked_later() {
    let hosted = Hosted::with_role().await;
    let current = hosted.token().await;
    hosted.refuse_all_revocations();
    hosted.storage.refuse("the disk is full");
    hosted.call("update", "rotate-role/ci", json!({})).await.expect_err("the new token cannot be stored");
    let token = hosted.live().into_iter().find(|token| *token != current).expect("the new token");
    hosted.tick().await;
    until("the failure is logged", || hosted.has_logged("could not be stored for a retry: the disk is full")).await;
    hosted.storage.refuse("");
    hosted.tick().await;
    until("the revocation is owed", || hosted.has_owed()).await;
    hosted.is_revoked_later(&token).await;
    assert!(hosted.is_live(&current));
}

#[tokio::test]
async fn a_token_of_a_failed_request_that_cannot_be_revoked_before_a_shutdown_is_revoked_later() {
    let hosted = Hosted::start().await;
    hosted.write("roles/ci", json!({"config": "main", "probes": ["GET /api/v2/nowhere"]})).await;
    hosted.refuse_all_revocations();
    hosted.call("read", "creds/ci", Value::Null).await.expect_err("the probe fails");
    let token = hosted.live().pop().expect("the token that no reader got");
    hosted.shut_down().await;
    hosted.is_revoked_later(&token).await;
}

#[tokio::test]
async fn a_token_of_a_cancelled_request_that_cannot_be_revoked_is_revoked_later() {
    let hosted = Hosted::with_shared_role().await;
    hosted.refuse_all_revocations();
    let barrier = Arc::new(Barrier::new(2));
    hosted.simulation.faults.add(Fault::once("GET /api/v2/users/me", Effect::Meet(barrier.clone())));
    let read = hosted.call("read", "creds/ci", Value::Null);
    assert!(timeout(Duration::from_millis(500), read).await.is_err(), "the caller leaves");
    // This read is answered after the cancellation has arrived.
    hosted.read("roles/ci").await;
    barrier.wait().await;
    until("the revocation is owed", || hosted.has_owed()).await;
    let token = hosted.live().pop().expect("the token that nobody got");
    hosted.is_revoked_later(&token).await;
}

#[tokio::test]
async fn a_token_that_a_rotation_of_the_client_secret_drops_is_revoked() {
    let hosted = Hosted::with_two_clients().await;
    let token = hosted.token().await;
    hosted.call("update", "rotate-root/main", json!({})).await.expect("the second client is in use");
    hosted.write("config/main", json!({"allowed_roles": "", "verify_connection": false})).await;
    hosted.refuse_all_revocations();
    hosted.call("update", "rotate-root/main", json!({})).await.expect("a role that is not allowed blocks nothing");
    assert!(hosted.storage.text("static-creds/ci").is_none(), "the role has no readers");
    hosted.is_revoked_later(&token).await;
}

#[tokio::test]
async fn a_kill_at_any_storage_call_of_a_deletion_of_a_role_leaves_no_valid_shared_token() {
    for moment in [Moment::Before, Moment::After] {
        let hosted = Hosted::start().await;
        for calls_before in 0..MOST_CALLS {
            hosted.write("roles/ci", json!({"config": "main"})).await;
            let token = hosted.read("token/ci").await["access_token"].as_str().unwrap().to_owned();
            hosted.kill_at(calls_before, moment);
            let deleted = hosted.call("delete", "roles/ci", Value::Null).await.is_ok();
            if deleted && hosted.storage.cancel() {
                assert!(calls_before > 2 && !hosted.is_live(&token));
                break;
            }
            hosted.restart().await;
            // Deletes what the interrupted request left.
            hosted.call("delete", "roles/ci", Value::Null).await.expect("the role is deleted");
            until("no token is left", || !hosted.is_live(&token) && hosted.storage.keys() == ["config/main"]).await;
        }
        hosted.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn a_request_to_revoke_a_token_of_another_config_deletes_nothing() {
    let hosted = Hosted::with_role().await;
    let other = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-too");
    hosted.simulation.genesys.add_client(OAuthClient::new(other.0, other.1));
    let config = json!({"region": "mypurecloud.ie", "client_id": other.0, "client_secret": other.1});
    hosted.write("config/other", config).await;
    let token = hosted.token().await;
    hosted.write("config/main", json!({"allowed_roles": "", "verify_connection": false})).await;
    let message = hosted.rejected("update", "revoke/other", json!({"token": token})).await;
    assert!(message.starts_with("TokenOwnerMismatch: "), "{message}");
    assert_eq!(hosted.stored_token(), Some(token.clone()), "the engine keeps its copy of a valid token");
    hosted.write("revoke/main", json!({"token": token})).await;
    assert!(!hosted.is_live(&token) && hosted.stored_token().is_none());
}

/// The clients of Vault and OpenBao repeat a request twice that is answered with 5xx.
#[tokio::test]
async fn a_repeated_request_whose_revocation_is_owed_issues_no_further_token() {
    for (path, reads) in [("rotate-role/ci", "static-creds/ci"), ("rotate-token/ci", "token/ci")] {
        let hosted = Hosted::with_role().await;
        hosted.write("roles/ci", json!({"config": "main"})).await;
        let current = async || hosted.read(reads).await["access_token"].as_str().unwrap().to_owned();
        let former = current().await;
        hosted.refuse_all_revocations();
        let minted = hosted.simulation.genesys.minted();
        let revoking = || hosted.call("update", path, json!({"revoke_previous": true}));
        for _ in 0..3 {
            let Refused(status, said) = revoking().await.expect_err("the token is still valid");
            assert!(status == 502 && said.contains("may still be valid"), "{said}");
        }
        assert_eq!(hosted.simulation.genesys.minted(), minted + 1, "{path}");
        let fresh = current().await;
        hosted.simulation.faults.clear();
        let repeated = revoking().await.expect("the token is revoked");
        assert_eq!((&repeated.data["revoked"], current().await), (&json!(1), fresh.clone()));
        assert!(repeated.warnings.concat().contains("issued no further token"), "{:?}", repeated.warnings);
        assert!(!hosted.is_live(&former) && hosted.is_live(&fresh));
        let next = revoking().await.expect("another rotation");
        assert!(next.warnings.is_empty() && !hosted.is_live(&fresh) && current().await != fresh);
    }
}
