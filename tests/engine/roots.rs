//! In-place rotation of a config's client secret: crashes, lost answers, and platforms that revoke tokens with it.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};
use simulators::genesys::OAuthClient;

use crate::hosted::{Hosted, Refused, until};
use crate::scene::CLIENT;
use crate::static_nodes::pass;
use openbao_plugin::testing::Moment;

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const INTENT: &str = "root-intent/main";
const BAD_REQUEST: i64 = 400;
/// More storage calls than a rotation makes.
const MOST_CALLS: usize = 100;

impl Hosted {
    /// The stored client secret.
    fn stored_secret(&self) -> String {
        let config: Value =
            serde_json::from_str(&self.storage.text("config/main").unwrap_or_default()).unwrap_or_default();
        config["client_secret"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the platform accepts the stored secret.
    fn is_stored_secret_valid(&self) -> bool {
        let secret = self.stored_secret();
        self.simulation.genesys.clients().iter().any(|client| client.id == CLIENT.0 && client.secret == secret)
    }

    /// Lets the time pass in which a request of an interrupted rotation may still be carried out.
    async fn settle(&self) {
        let Some(text) = self.storage.text(INTENT) else { return };
        let mut intent: Value = serde_json::from_str(&text).expect("an object");
        intent["settled_at"] = json!(0);
        self.store(INTENT, &intent.to_string()).await;
        self.tick().await;
        until("the write-ahead entry is deleted", || self.is_settled()).await;
    }

    /// Whether no write-ahead entry is left.
    fn is_settled(&self) -> bool {
        self.storage.text(INTENT).is_none()
    }
}

async fn rotate_root(hosted: &Hosted) -> Result<Vec<String>, Refused> {
    hosted.call("write", "rotate-root/main", json!({})).await.map(|success| success.warnings)
}

#[tokio::test]
async fn rotate_root_stores_a_new_secret_that_is_never_returned() {
    let hosted = Hosted::with_role().await;
    let (secret, token) = (hosted.stored_secret(), hosted.token().await);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    assert_ne!(hosted.stored_secret(), secret);
    assert!(hosted.is_stored_secret_valid() && hosted.is_settled());
    assert_eq!(hosted.live(), [token], "temporary tokens are revoked, and readers keep their token");
    assert!(!hosted.read("config/main").await.to_string().contains(&hosted.stored_secret()));
    rotate_root(&hosted).await.expect("a second rotation");
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_rotation_recovers_from_a_kill_at_any_storage_call() {
    let hosted = Hosted::with_role().await;
    for moment in [Moment::Before, Moment::After] {
        for calls_before in 0..MOST_CALLS {
            hosted.kill_at(calls_before, moment);
            let rotated = rotate_root(&hosted).await.is_ok();
            if rotated && hosted.storage.cancel() {
                assert!(calls_before > 3, "a rotation makes more calls than {calls_before}");
                break;
            }
            hosted.restart().await;
            until("the stored secret is valid", || hosted.is_stored_secret_valid()).await;
            hosted.settle().await;
            assert!(hosted.is_stored_secret_valid());
            assert!(hosted.is_live(&hosted.token().await), "after {calls_before} calls");
        }
        assert!(hosted.is_stored_secret_valid() && hosted.is_settled());
    }
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_lost_answer_is_retried() {
    let hosted = Hosted::with_role().await;
    for effect in [Effect::LoseAnswer, Effect::Drop] {
        hosted.simulation.faults.add(Fault::once(REGENERATE, effect));
        assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
        assert!(hosted.is_stored_secret_valid() && hosted.is_settled());
    }
}

#[tokio::test]
async fn a_rotation_whose_answers_are_lost_completes_once_the_platform_is_back() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    let Err(Refused(_, said)) = rotate_root(&hosted).await else { panic!("the new secret is unknown") };
    assert!(said.contains("PlatformUnavailable") && said.contains("manually"), "{said}");
    assert!(!hosted.is_stored_secret_valid() && !hosted.is_settled());
    assert!(hosted.is_live(&hosted.token().await), "tokens stay valid");
    hosted.simulation.faults.clear();
    hosted.tick().await;
    until("the secret is regenerated and accepted", || hosted.has_logged("was lost, and was regenerated")).await;
    assert!(hosted.is_stored_secret_valid());
    assert!(!hosted.is_settled(), "a request without an answer may still be carried out");
    // It is carried out.
    hosted.simulation.genesys.add_client(OAuthClient::new(CLIENT.0, "hush-hush-made-late-0123456789"));
    hosted.tick().await;
    until("the secret is regenerated again", || hosted.is_stored_secret_valid()).await;
    hosted.settle().await;
    assert!(hosted.is_stored_secret_valid());
}

#[tokio::test]
async fn a_request_of_an_interrupted_rotation_that_is_carried_out_after_the_next_one_heals() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    assert!(rotate_root(&hosted).await.is_err());
    hosted.simulation.faults.clear();
    rotate_root(&hosted).await.expect("the next rotation regenerates the secret");
    // The second pass begins after the first has ended.
    pass(&hosted).await;
    pass(&hosted).await;
    assert!(hosted.is_stored_secret_valid() && !hosted.is_settled(), "the entry outlives the rotation");
    hosted.simulation.genesys.add_client(OAuthClient::new(CLIENT.0, "hush-hush-made-late-0123456789"));
    hosted.tick().await;
    until("the secret is regenerated again", || hosted.is_stored_secret_valid()).await;
    hosted.settle().await;
    assert!(hosted.is_stored_secret_valid());
}

#[tokio::test]
async fn tokens_revoked_with_the_former_secret_are_replaced() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let shared = hosted.read("token/ci").await["access_token"].clone();
    hosted.simulation.genesys.set(|settings| settings.regenerate_revokes_tokens = true);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    assert!(hosted.is_live(&hosted.token().await));
    let replaced = hosted.read("token/ci").await["access_token"].clone();
    assert!(replaced != shared && hosted.is_live(replaced.as_str().expect("a token")));
}

#[tokio::test]
async fn a_rotation_waits_for_the_secret_to_propagate() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.secret_propagation = 3);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    hosted.write("config/main", json!({})).await;
}

#[tokio::test]
async fn a_secret_that_does_not_propagate_in_time_keeps_its_write_ahead_entry() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.secret_propagation = 1_000);
    let warnings = rotate_root(&hosted).await.expect("the secret is stored");
    assert!(warnings.first().is_some_and(|said| said.contains("does not accept it yet")), "{warnings:?}");
    assert!(!hosted.is_settled() && hosted.has_logged("does not accept it yet"));
    let secret = hosted.stored_secret();
    for _ in 0..3 {
        pass(&hosted).await;
    }
    assert_eq!(hosted.stored_secret(), secret, "it may still propagate");
    hosted.simulation.genesys.set(|settings| settings.secret_propagation = 0);
    let mut intent: Value = serde_json::from_str(&hosted.storage.text(INTENT).unwrap()).unwrap();
    intent["settled_at"] = json!(0);
    hosted.store(INTENT, &intent.to_string()).await;
    hosted.tick().await;
    until("the secret is regenerated", || hosted.stored_secret() != secret).await;
    hosted.settle().await;
    assert!(hosted.is_stored_secret_valid());
}

#[tokio::test]
async fn a_client_without_permission_gets_400_that_names_the_permission() {
    let hosted = Hosted::start().await;
    let mut client = hosted.simulation.genesys.clients().remove(0);
    client.permissions = Some(vec!["routing:skill:view".to_owned()]);
    hosted.simulation.genesys.add_client(client);
    let Err(Refused(kind, said)) = rotate_root(&hosted).await else { panic!("the permission is missing") };
    assert!(kind == BAD_REQUEST && said.contains("oauth:client:edit"), "{said}");
    assert!(hosted.is_stored_secret_valid());
    hosted.settle().await;
    until("all tokens are gone", || hosted.live().is_empty()).await;
    let Err(Refused(kind, said)) = hosted.call("write", "rotate-root/none", json!({})).await else {
        panic!("there is no such config")
    };
    assert!(kind == BAD_REQUEST && said.contains("no config \"none\""), "{said}");
}

#[tokio::test]
async fn an_interrupted_rotation_does_not_regenerate_the_secret_of_another_client() {
    let other = ("5f3c8a52-0007-4e71-9d0c-6f2b3c9d1e10", "hush-hush-other-secret-0123456789");
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.add_client(OAuthClient::new(other.0, other.1));
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    assert!(rotate_root(&hosted).await.is_err() && !hosted.is_settled());
    hosted.simulation.faults.clear();
    // The operator switches to another client, with a mistyped secret.
    let mistyped = json!({"client_id": other.0, "client_secret": "mistyped", "verify_connection": false});
    hosted.write("config/main", mistyped).await;
    assert!(rotate_root(&hosted).await.is_err(), "the mistyped secret is rejected");
    hosted.tick().await;
    until("the write-ahead entry is deleted", || hosted.is_settled()).await;
    let secrets = hosted.simulation.genesys.clients().into_iter().map(|client| client.secret);
    assert!(secrets.into_iter().any(|secret| secret == other.1), "the other client keeps its secret");
}

#[tokio::test]
async fn a_damaged_write_ahead_entry_blocks_nothing_and_is_replaced() {
    let hosted = Hosted::with_role().await;
    hosted.store("root-intent/main", "{}").await;
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    assert!(hosted.is_stored_secret_valid());
    hosted.store("root-intent/main", "hush").await;
    hosted.tick().await;
    let is_replaced = || hosted.storage.text("root-intent/main").is_some_and(|entry| entry.contains("settled_at"));
    until("the entry is replaced", is_replaced).await;
    assert!(hosted.is_stored_secret_valid());
    hosted.assert_no_secrets_logged();
}
