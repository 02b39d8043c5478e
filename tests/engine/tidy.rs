//! `tidy`: what crashes and deletions left behind.

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::hosted::{Hosted, Refused};
use crate::scene::Scene;

const REVOKE: &str = "DELETE /api/v2/tokens/me";

impl Hosted {
    async fn tidy(&self) -> Result<Vec<String>, Refused> {
        let done = self.call("update", "tidy", json!({})).await?.data["done"].clone();
        Ok(serde_json::from_value(done).expect("a list"))
    }

    /// Refuses revocations.
    fn refuse_revocations(&self) {
        let body = json!({"code": "not.authorized"}).to_string();
        let answer = FaultAnswer::new(StatusCode::FORBIDDEN, "application/json", body);
        self.simulation.faults.add(Fault::always(REVOKE, Effect::Answer(answer)));
    }
}

#[tokio::test]
async fn a_mount_in_use_has_nothing_to_tidy() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    hosted.read("token/ci").await;
    let (keys, live) = (hosted.storage.keys(), hosted.live());
    assert_eq!(hosted.tidy().await, Ok(Vec::new()));
    assert_eq!((hosted.storage.keys(), hosted.live()), (keys, live), "tokens in use stay");
}

#[tokio::test]
async fn tokens_of_deleted_roles_and_ended_entries_are_removed() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    hosted.read("token/ci").await;
    hosted.write("static-roles/kept", json!({"config": "main", "rotation_period": 3_600})).await;
    // A crash of the host's storage between the deletions, seen by this node after a restart.
    let promoted = hosted.storage.text("static-creds/kept").expect("an entry");
    hosted.shut_down().await;
    for key in ["roles/ci", "static-roles/ci"] {
        hosted.storage.remove(key);
    }
    hosted.storage.set("static-pending/kept", &promoted);
    hosted.storage.set("root-lease/main", r#"{"until":1}"#);
    hosted.restart().await;
    let done = hosted.tidy().await.expect("all is tidied").join("\n");
    for words in ["deleted shared/ci", "deleted root-lease/main"] {
        assert!(done.contains(words), "{done}");
    }
    crate::hosted::until("the background task or the request has ended all", || {
        hosted.storage.keys() == ["config/main", "static-creds/kept", "static-roles/kept"]
    })
    .await;
    let kept = hosted.read("static-creds/kept").await["access_token"].clone();
    assert_eq!(json!(hosted.live()), json!([kept]), "the tokens of deleted roles are revoked");
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn what_cannot_be_ended_is_an_error_that_names_it_and_is_ended_later() {
    let hosted = Hosted::with_shared_role().await;
    hosted.read("token/ci").await;
    hosted.store("static-roles/broken", "hush").await;
    hosted.storage.remove("roles/ci");
    hosted.invalidate("roles/ci").await;
    hosted.refuse_revocations();
    let Refused(status, said) = hosted.tidy().await.expect_err("a token is still valid");
    assert!(status >= 500 && said.contains("\nhint: "), "{status} {said}");
    assert!(said.contains("may still be valid") && said.contains("static-roles/broken is damaged"), "{said}");
    assert!(said.contains("done: deleted shared/ci") && !said.contains("hush"), "{said}");
    assert_eq!(hosted.live().len(), 1);
    assert!(hosted.storage.text("static-roles/broken").is_some(), "a damaged entry is kept");
    hosted.simulation.faults.clear();
    hosted.call("delete", "static-roles/broken", Value::Null).await.expect("the role is deleted");
    assert_eq!(hosted.tidy().await, Ok(vec!["revoked tokens: 1".to_owned()]));
    assert!(hosted.live().is_empty() && hosted.storage.keys() == ["config/main"], "{:?}", hosted.storage.keys());
    assert_eq!(hosted.tidy().await, Ok(Vec::new()));
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_damaged_entry_that_no_request_can_replace_is_removed_and_reported_once() {
    let hosted = Hosted::start().await;
    hosted.store("revocation/one", "hush").await;
    hosted.store("root-lease/main", "hush").await;
    let Refused(status, said) = hosted.tidy().await.expect_err("a token is unknown");
    assert!(status >= 500 && said.contains("revocation/one was damaged") && !said.contains("hush"), "{said}");
    assert!(said.contains("root-lease/main was damaged"), "{said}");
    assert_eq!(hosted.tidy().await, Ok(Vec::new()));
    assert!(hosted.storage.text("root-lease/main").is_some_and(|lease| lease.contains("until")), "it ends later");
}

#[tokio::test]
async fn an_operator_tidies_in_openbao() {
    let Some(scene) = Scene::start().await else { return };
    assert_eq!(scene.write("tidy", json!({})).await["data"]["done"], json!([]));
    let reader = scene.bao.token(r#"path "genesys-cloud/creds/*" { capabilities = ["read"] }"#).await;
    assert_eq!(scene.bao.call_as(&reader, "PUT", "genesys-cloud/tidy", json!({})).await.0, 403);
}
