//! A new secret for a config's own OAuth client, through crashes, lost answers and platforms of either kind.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};
use simulators::genesys::Client;

use crate::hosted::{Hosted, Refused, until};
use crate::scene::CLIENT;
use openbao_plugin::testing::Moment;

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const BAD_REQUEST: u32 = 7;
/// More calls than anything here makes.
const MOST_CALLS: usize = 100;

impl Hosted {
    /// The client's secret as it is stored.
    fn stored_secret(&self) -> String {
        let config: Value =
            serde_json::from_str(&self.storage.text("config/main").unwrap_or_default()).unwrap_or_default();
        config["client_secret"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the platform takes the secret that is stored.
    fn stored_client_works(&self) -> bool {
        let secret = self.stored_secret();
        self.simulation.genesys.clients().iter().any(|client| client.id == CLIENT.0 && client.secret == secret)
    }

    fn is_settled(&self) -> bool {
        self.storage.text("root-intent/main").is_none()
    }
}

async fn rotate_root(hosted: &Hosted) -> Result<Vec<String>, Refused> {
    hosted.call("write", "rotate-root/main", json!({})).await.map(|answered| answered.warnings)
}

#[tokio::test]
async fn the_client_has_a_secret_that_nobody_else_knows() {
    let hosted = Hosted::with_role().await;
    let (secret, token) = (hosted.stored_secret(), hosted.token().await);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    assert_ne!(hosted.stored_secret(), secret);
    assert!(hosted.stored_client_works() && hosted.is_settled());
    assert_eq!(hosted.live(), [token], "what was made on the way is gone, and readers keep what they have");
    assert!(!hosted.read("config/main").await.to_string().contains(&hosted.stored_secret()));
    rotate_root(&hosted).await.expect("once more");
    hosted.assert_discreet();
}

#[tokio::test]
async fn a_kill_at_any_call_of_the_storage_heals() {
    for moment in [Moment::Before, Moment::After] {
        let hosted = Hosted::with_role().await;
        for calls_before in 0..MOST_CALLS {
            hosted.kill_at(calls_before, moment);
            let rotated = rotate_root(&hosted).await.is_ok();
            if rotated && hosted.storage.cancel() {
                assert!(calls_before > 3, "a rotation makes more calls than {calls_before}");
                break;
            }
            hosted.restart().await;
            until("the stored client works", || hosted.stored_client_works() && hosted.is_settled()).await;
            assert!(hosted.is_live(&hosted.token().await), "after {calls_before} calls");
        }
        assert!(hosted.stored_client_works() && hosted.is_settled());
        hosted.assert_discreet();
    }
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for() {
    for effect in [Effect::LoseAnswer, Effect::Drop] {
        let hosted = Hosted::with_role().await;
        hosted.simulation.faults.add(Fault::once(REGENERATE, effect));
        assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
        assert!(hosted.stored_client_works() && hosted.is_settled());
    }
}

#[tokio::test]
async fn answers_that_are_lost_for_long_are_made_up_for_once_the_platform_is_back() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    let Err(Refused(_, said)) = rotate_root(&hosted).await else { panic!("nobody knows the secret") };
    assert!(said.contains("PlatformUnavailable") && said.contains("by hand"), "{said}");
    assert!(!hosted.stored_client_works() && !hosted.is_settled());
    assert!(hosted.is_live(&hosted.token().await), "readers of tokens do not notice");
    hosted.simulation.faults.clear();
    hosted.tick().await;
    until("the secret is made anew", || hosted.stored_client_works() && hosted.is_settled()).await;
}

#[tokio::test]
async fn tokens_that_die_with_the_former_secret_are_made_anew() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let shared = hosted.read("token/ci").await["access_token"].clone();
    hosted.simulation.genesys.set(|settings| settings.regenerate_revokes_tokens = true);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    assert!(hosted.is_live(&hosted.token().await));
    let anew = hosted.read("token/ci").await["access_token"].clone();
    assert!(anew != shared && hosted.is_live(anew.as_str().expect("a token")));
}

#[tokio::test]
async fn a_secret_that_takes_its_time_to_be_known_is_waited_for() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.secret_propagation = 3);
    assert_eq!(rotate_root(&hosted).await, Ok(Vec::new()));
    hosted.write("config/main", json!({})).await;
}

#[tokio::test]
async fn a_client_that_may_not_edit_itself_is_told_what_it_lacks() {
    let hosted = Hosted::start().await;
    let mut client = hosted.simulation.genesys.clients().remove(0);
    client.permissions = Some(vec!["routing:skill:view".to_owned()]);
    hosted.simulation.genesys.add_client(client);
    let Err(Refused(kind, said)) = rotate_root(&hosted).await else { panic!("it may not") };
    assert!(kind == BAD_REQUEST && said.contains("oauth:client:edit"), "{said}");
    assert!(hosted.stored_client_works());
    hosted.tick().await;
    until("nothing is left of it", || hosted.is_settled() && hosted.live().is_empty()).await;
    let Err(Refused(kind, said)) = hosted.call("write", "rotate-root/none", json!({})).await else { panic!("none") };
    assert!(kind == BAD_REQUEST && said.contains("no config \"none\""), "{said}");
}

#[tokio::test]
async fn a_secret_of_another_client_is_not_replaced_by_what_was_begun_before() {
    let other = ("5f3c8a52-0007-4e71-9d0c-6f2b3c9d1e10", "hush-hush-other-secret-0123456789");
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.add_client(Client::new(other.0, other.1));
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    assert!(rotate_root(&hosted).await.is_err() && !hosted.is_settled());
    hosted.simulation.faults.clear();
    // The operator takes another client instead, and mistypes its secret.
    let mistyped = json!({"client_id": other.0, "client_secret": "mistyped", "verify_connection": false});
    hosted.write("config/main", mistyped).await;
    assert!(rotate_root(&hosted).await.is_err(), "nobody can make a token of it");
    hosted.tick().await;
    until("what was begun is forgotten", || hosted.is_settled()).await;
    let secrets = hosted.simulation.genesys.clients().into_iter().map(|client| client.secret);
    assert!(secrets.into_iter().any(|secret| secret == other.1), "others use that client");
}
