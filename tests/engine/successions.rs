//! Rotation to a second client or another access key: the stored credentials are valid at every moment.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};
use simulators::genesys::OAuthClient;

use crate::hosted::{Hosted, Refused};
use crate::scene::{CLIENT, CXONE_KEY};
use openbao_plugin::testing::Moment;

const SECOND: (&str, &str) = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-hush-second-secret-0123456789");
const ADMIN: (&str, &str) = ("5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10", "hush-hush-admin-secret-0123456789");
const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const CREATE_KEY: &str = "POST /access-key-management/v1/access-keys";
const MOST_CALLS: usize = 100;

const CONFIG: &str = "config/main";
const LEASE: &str = "root-lease/main";

impl Hosted {
    /// A config with two clients of Genesys Cloud, and the config of an admin client.
    pub async fn with_two_clients() -> Self {
        let hosted = Self::start().await;
        for (id, secret) in [SECOND, ADMIN] {
            hosted.simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        let rotates = [CLIENT.0, SECOND.0];
        let admin = json!({
            "region": "mypurecloud.ie", "client_id": ADMIN.0, "client_secret": ADMIN.1, "rotates": rotates,
        });
        hosted.write("config/admin", admin).await;
        hosted.write(CONFIG, json!({"idle_client_id": SECOND.0, "admin_config": "admin"})).await;
        hosted.write("static-roles/ci", json!({"config": "main", "rotation_period": 14_400})).await;
        hosted
    }

    /// A config with an access key of CXone.
    pub async fn with_access_key() -> Self {
        let hosted = Self::start().await;
        hosted.simulation.cxone.set(|settings| settings.access_keys_per_user = MOST_CALLS);
        let key = json!({
            "platform": "nice-cxone", "area": "na1", "access_key_id": CXONE_KEY.0, "access_key_secret": CXONE_KEY.1,
        });
        hosted.write(CONFIG, key).await;
        hosted.write("static-roles/ci", json!({"config": "main", "rotation_period": 1_800})).await;
        hosted
    }

    fn config(&self) -> Value {
        serde_json::from_str(&self.storage.text(CONFIG).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether the platform accepts the stored credentials.
    pub fn are_stored_credentials_valid(&self) -> bool {
        let config = self.config();
        let clients = self.simulation.genesys.clients();
        let keys = self.simulation.cxone.access_keys();
        match config["platform"].as_str() {
            Some("nice-cxone") => {
                keys.iter().any(|key| config["access_key_id"] == *key.id && config["access_key_secret"] == *key.secret)
            }
            _ => clients
                .iter()
                .any(|client| config["client_id"] == *client.id && config["client_secret"] == *client.secret),
        }
    }

    pub async fn is_token_valid(&self) -> bool {
        let token = self.token().await;
        let live = [self.simulation.genesys.live_tokens(), self.simulation.cxone.live_tokens()].concat();
        live.contains(&token)
    }

    /// Lets the time pass in which a request of an interrupted rotation may still be carried out.
    pub async fn end_lease(&self) {
        if self.storage.text(LEASE).is_some() {
            self.store(LEASE, r#"{"until": 0}"#).await;
        }
    }

    async fn rotate_root_of_main(&self) -> Result<Vec<String>, Refused> {
        self.call("write", "rotate-root/main", json!({})).await.map(|success| success.warnings)
    }
}

#[tokio::test]
async fn two_clients_alternate() {
    let hosted = Hosted::with_two_clients().await;
    for (present, former) in [(SECOND.0, CLIENT.0), (CLIENT.0, SECOND.0), (SECOND.0, CLIENT.0)] {
        let secret = hosted.config()["client_secret"].clone();
        assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
        let config = hosted.config();
        assert_eq!((&config["client_id"], &config["idle_client_id"]), (&json!(present), &json!(former)));
        assert!(config["client_secret"] != secret && hosted.are_stored_credentials_valid());
        assert!(hosted.is_token_valid().await, "readers keep their token");
        assert!(hosted.storage.text("root-intent/main").is_none(), "no write-ahead entry is left");
    }
    hosted.write("rotate-role/ci", json!({})).await;
    assert!(hosted.is_token_valid().await);
    let shown = hosted.read(CONFIG).await;
    assert_eq!((&shown["idle_client_id"], &shown["admin_config"]), (&json!(CLIENT.0), &json!("admin")));
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn access_keys_alternate() {
    let hosted = Hosted::with_access_key().await;
    let mut former = CXONE_KEY.0.to_owned();
    for _ in 0..3 {
        assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
        let present = hosted.config()["access_key_id"].as_str().expect("an id").to_owned();
        let mut expected = vec![former, present.clone()];
        expected.sort();
        let held: Vec<_> = hosted.simulation.cxone.access_keys().into_iter().map(|key| key.id).collect();
        assert_eq!(held, expected);
        assert!(hosted.are_stored_credentials_valid() && hosted.is_token_valid().await);
        former = present;
    }
    hosted.assert_no_secrets_logged();
    // The keys before one that was written by hand are not deleted.
    hosted.simulation.cxone.add_access_key(simulators::cxone::AccessKey::new("THEIROWN====", "HUSHOWN===="));
    hosted.write(CONFIG, json!({"access_key_id": "THEIROWN====", "access_key_secret": "HUSHOWN===="})).await;
    assert_eq!(hosted.read(CONFIG).await["former_access_key_id"], Value::Null);
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
    assert_eq!(hosted.simulation.cxone.access_keys().len(), 4);
}

async fn assert_credentials_survive_kills(hosted: Hosted) {
    for moment in [Moment::Before, Moment::After] {
        for calls_before in 0..MOST_CALLS {
            hosted.kill_at(calls_before, moment);
            let rotated = hosted.rotate_root_of_main().await.is_ok();
            assert!(hosted.are_stored_credentials_valid(), "after {calls_before} calls");
            if rotated && hosted.storage.cancel() {
                assert!(calls_before >= 1, "a rotation makes more calls than {calls_before}");
                break;
            }
            hosted.restart().await;
            hosted.end_lease().await;
            assert!(hosted.is_token_valid().await, "after {calls_before} calls");
        }
        assert!(hosted.are_stored_credentials_valid());
    }
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_kill_at_any_storage_call_leaves_a_valid_client() {
    assert_credentials_survive_kills(Hosted::with_two_clients().await).await;
}

#[tokio::test]
async fn a_kill_at_any_storage_call_leaves_a_valid_access_key() {
    assert_credentials_survive_kills(Hosted::with_access_key().await).await;
}

#[tokio::test]
async fn a_lost_answer_is_retried() {
    for (hosted, operation) in
        [(Hosted::with_two_clients().await, REGENERATE), (Hosted::with_access_key().await, CREATE_KEY)]
    {
        for effect in [Effect::LoseAnswer, Effect::Drop] {
            hosted.simulation.faults.add(Fault::once(operation, effect));
            assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
            assert!(hosted.are_stored_credentials_valid());
        }
    }
}

#[tokio::test]
async fn a_rotation_whose_answers_are_lost_leaves_the_config_unchanged() {
    let hosted = Hosted::with_two_clients().await;
    hosted.simulation.faults.add(Fault::always(REGENERATE, Effect::LoseAnswer));
    let before = hosted.config();
    assert!(hosted.rotate_root_of_main().await.is_err());
    assert!(hosted.config() == before && hosted.are_stored_credentials_valid());
    hosted.simulation.faults.clear();
    let Err(Refused(_, said)) = hosted.rotate_root_of_main().await else {
        panic!("the last request may still be carried out, and would invalidate the secret of the next rotation")
    };
    assert!(said.contains("was interrupted") && said.contains("retry in"), "{said}");
    hosted.end_lease().await;
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
    assert!(hosted.storage.text(LEASE).is_none());
}

#[tokio::test]
async fn a_rotation_waits_for_the_secret_of_the_second_client_to_propagate() {
    let hosted = Hosted::with_two_clients().await;
    hosted.simulation.genesys.set(|settings| settings.secret_propagation = 3);
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
    assert!(hosted.are_stored_credentials_valid());
}

#[tokio::test]
async fn an_incomplete_second_client_is_rejected() {
    let hosted = Hosted::with_two_clients().await;
    for (fields, words) in [
        (json!({"idle_client_id": CLIENT.0}), "is the client in use"),
        (json!({"admin_config": ""}), "has no admin_config"),
        (json!({"idle_client_id": ""}), "has no idle_client_id"),
    ] {
        let Err(Refused(_, said)) = hosted.call("write", CONFIG, fields.clone()).await else { panic!("{fields}") };
        assert!(said.contains(words) && said.contains("\nhint: "), "{said}");
    }
    let Err(Refused(_, said)) = hosted.call("delete", "config/admin", json!({})).await else {
        panic!("the config is in use")
    };
    assert!(said.contains("in use by config/main"), "{said}");
    hosted.write(CONFIG, json!({"idle_client_id": "", "admin_config": ""})).await;
    hosted.call("delete", "config/admin", json!({})).await.expect("no config uses it");
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()), "the client's own secret is regenerated");
    assert_eq!(hosted.config()["client_id"], CLIENT.0);
}

#[tokio::test]
async fn an_admin_config_regenerates_only_the_clients_that_rotates_lists() {
    let hosted = Hosted::with_two_clients().await;
    assert_eq!(hosted.read("config/admin").await["rotates"], json!([CLIENT.0, SECOND.0]));
    for rotates in [json!([]), json!([CLIENT.0]), json!(SECOND.0), json!("*,another")] {
        let written = hosted.call("write", "config/admin", json!({"rotates": rotates})).await;
        if let Err(Refused(_, said)) = written {
            assert!(said.contains("entry 1 of rotates") && said.contains("\nhint: "), "{said}");
            continue;
        }
        hosted.simulation.journal.clear();
        let Err(Refused(status, said)) = hosted.rotate_root_of_main().await else { panic!("{rotates}") };
        assert_eq!(status, 400, "{said}");
        assert!(said.contains("config/admin") && said.contains("rotates") && said.contains("\nhint: "), "{said}");
        assert_eq!(hosted.simulation.journal.count("POST /oauth/token"), 0, "{rotates}: no credentials were sent");
        assert_eq!(hosted.simulation.journal.count(REGENERATE), 0);
    }
    hosted.write("config/admin", json!({"rotates": format!("{},{}", CLIENT.0, SECOND.0)})).await;
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
}

async fn assert_refused_for(hosted: &Hosted, other: &str) {
    let Err(Refused(_, said)) = hosted.rotate_root_of_main().await else {
        panic!("config/{other} would be invalidated")
    };
    assert!(said.contains(&format!("config/{other} holds")) && said.contains("\nhint: "), "{said}");
    // The write validates the stored credentials.
    hosted.write(&format!("config/{other}"), json!({})).await;
}

#[tokio::test]
async fn a_rotation_that_would_invalidate_another_config_is_rejected() {
    let hosted = Hosted::with_two_clients().await;
    hosted.write("config/admin", json!({"client_id": SECOND.0, "client_secret": SECOND.1})).await;
    assert_refused_for(&hosted, "admin").await;
    hosted.write(CONFIG, json!({"idle_client_id": "", "admin_config": ""})).await;
    hosted.write("config/admin", json!({"client_id": CLIENT.0, "client_secret": CLIENT.1})).await;
    assert_refused_for(&hosted, "admin").await;
    let hosted = Hosted::with_access_key().await;
    let key = json!({
        "platform": "nice-cxone", "area": "na1", "access_key_id": CXONE_KEY.0, "access_key_secret": CXONE_KEY.1,
    });
    hosted.write("config/other", key).await;
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()), "no key is deleted yet");
    assert_refused_for(&hosted, "other").await;
    hosted.call("delete", "config/other", json!({})).await.expect("no role uses it");
    assert_eq!(hosted.rotate_root_of_main().await, Ok(Vec::new()));
}

#[tokio::test]
async fn the_secret_of_an_older_application_cannot_be_rotated() {
    let hosted = Hosted::start().await;
    let older = json!({
        "platform": "nice-cxone", "realm": "us-22", "client_id": crate::scene::CXONE_CLIENT.0,
        "client_secret": crate::scene::CXONE_CLIENT.1,
    });
    hosted.write(CONFIG, older).await;
    let Err(Refused(_, said)) = hosted.rotate_root_of_main().await else { panic!("NICE issues these secrets") };
    assert!(said.contains("older application") && said.contains("\nhint: "), "{said}");
}
