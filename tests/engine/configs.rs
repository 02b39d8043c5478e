//! Configs and roles: merging, validation and invalid requests.

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::hosted::{Hosted, Refused, until};
use crate::scene::{CLIENT, SECOND, Scene, config, errors};
use crate::shared::RATE_LIMIT;

#[tokio::test]
async fn a_config_write_validates_and_merges_and_reads_never_return_the_secret() {
    let hosted = Hosted::empty().await;
    hosted.write("config/main", config()).await;
    assert_eq!(hosted.simulation.genesys.minted(), 1, "the credentials were validated");
    assert!(hosted.live().is_empty(), "and the token was revoked");
    hosted.write("config/main", json!({"region": "eu-central-1", "verify_connection": false})).await;
    let data = hosted.read("config/main").await;
    assert_eq!(
        data,
        json!({"platform": "genesys-cloud", "region": "eu-central-1", "client_id": CLIENT.0, "allowed_roles": ["*"]})
    );
    hosted.write("config/main", json!({"region": "mypurecloud.ie"})).await;
    assert_eq!(hosted.simulation.genesys.minted(), 2, "both writes kept the secret");
    assert_eq!(hosted.call("list", "config/", Value::Null).await.expect("a list").data["keys"], json!(["main"]));
}

#[tokio::test]
async fn every_list_is_read_page_by_page() {
    let hosted = Hosted::start().await;
    for prefix in ["config/", "roles/", "static-roles/"] {
        let value = hosted.storage.text("config/main").unwrap();
        for name in ["a", "b", "c"] {
            hosted.storage.set(&format!("{prefix}{name}"), &value);
        }
        let page = hosted.call("list", prefix, json!({"after": "a", "limit": 1})).await.expect("a list");
        assert_eq!((&page.data["keys"], &page.warnings), (&json!(["b"]), &Vec::new()), "{prefix}");
        let Err(Refused(status, message)) = hosted.call("list", prefix, json!({"limit": "many"})).await else {
            panic!("{prefix}")
        };
        assert!(status == 400 && message.starts_with("limit is not a whole number\nhint: "), "{message}");
    }
}

#[tokio::test]
async fn invalid_credentials_are_not_stored() {
    let hosted = Hosted::empty().await;
    let mut wrong = config();
    wrong["client_secret"] = json!("hush-hush-wrong");
    let message = hosted.rejected("write", "config/main", wrong).await;
    assert!(message.contains("CredentialsRejected") && message.contains("\nhint: check client_id"), "{message}");
    hosted.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Drop));
    let Err(Refused(status, message)) = hosted.call("write", "config/main", config()).await else {
        panic!("the platform is down")
    };
    assert!(status == 502 && message.contains("PlatformUnavailable"), "{status} {message}");
    assert!(!message.contains("hush-hush"), "{message}");
    assert_eq!(hosted.storage.keys(), [""; 0]);
}

#[tokio::test]
async fn invalid_requests_get_400_with_a_message_and_a_hint() {
    let hosted = Hosted::with_shared_role().await;
    let long = "x".repeat(5_000);
    let named = |name: &str, fields: Value| (format!("roles/{name}"), fields);
    for ((path, body), words) in [
        (("config/new".to_owned(), json!({"region": "mypurecloud.ie", "client_id": "a"})), "client_secret is missing"),
        (("config/new".to_owned(), json!({"client_id": "a", "client_secret": "b"})), "region is missing"),
        (("config/main".to_owned(), json!({"region": "mars-1"})), "mars-1"),
        (
            ("config/main".to_owned(), json!({"region": "https://login.mypurecloud.ie"})),
            "set the region to the domain mypurecloud.ie",
        ),
        (("config/main".to_owned(), json!({"client_secret": "hush-hush \n"})), "leading or trailing whitespace"),
        (("config/main".to_owned(), json!({"client_id": long})), "client_id"),
        (("config/main".to_owned(), json!({"client_secret": {"a": 1}})), "client_secret"),
        (("config/main".to_owned(), json!({"platform": "avaya"})), "platform is not one of the allowed values"),
        (("config/main".to_owned(), json!({"verify_connection": "perhaps"})), "verify_connection"),
        (named("new", json!({})), "config is missing"),
        (named("new", json!({"config": "none"})), "no config \"none\""),
        (named("new", json!({"config": "../shared/ci"})), "not a valid config name"),
        (named("new", json!({"config": "main/deeper"})), "not a valid config name"),
        (named("ci", json!({"ttl": "soon"})), "ttl"),
        (named("ci", json!({"ttl": -1})), "ttl"),
        (named("ci", json!({"probes": ["DELETE /api/v2/users"]})), "probes"),
        (named("ci", json!({"probes": ["GET //evil.example/"]})), "probes"),
        (named("a b", json!({"config": "main"})), "is not a valid name"),
        (named(&"n".repeat(300), json!({"config": "main"})), "128"),
    ] {
        let message = hosted.rejected("write", &path, body.clone()).await;
        assert!(message.contains(words) && !message.contains("hush-hush"), "{path} {body}: {message}");
    }
    for path in ["creds/none", "token/none"] {
        assert!(hosted.rejected("read", path, Value::Null).await.contains("no role \"none\""), "{path}");
    }
}

/// One server for the status codes, warnings and policies of OpenBao.
#[tokio::test]
async fn openbao_answers_404_for_unknown_paths_405_for_operations_warns_of_fields_and_requires_sudo() {
    let Some(scene) = Scene::start().await else { return };
    for path in ["nonsense", "nonsense/ci", "creds", "config/main/deeper", "roles/none", "config/none"] {
        assert_eq!(scene.call("GET", path, Value::Null).await.0, 404, "{path}");
    }
    for (method, path) in [("DELETE", "creds/ci"), ("POST", "creds/ci"), ("LIST", "creds"), ("GET", "rotate-root/main")]
    {
        let (status, answer) = scene.call(method, path, json!({})).await;
        assert!(status == 405 || (method == "LIST" && status == 404), "{method} {path}: {status} {answer}");
    }
    assert_eq!(scene.call("LIST", "config", Value::Null).await.1["data"]["keys"], json!(["main"]));
    let mut wrong = config();
    wrong["client_secret"] = json!("hush-hush-wrong");
    let (status, answer) = scene.call("POST", "config/main", wrong).await;
    assert!(status == 400 && errors(&answer).contains("CredentialsRejected"), "{status} {answer}");
    let (status, answer) = scene.call("POST", "roles/a b", json!({"config": "main"})).await;
    assert!(status == 400 && errors(&answer).contains("is not a valid name"), "{status} {answer}");
    let page =
        FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", RATE_LIMIT).with_header("retry-after", "60");
    scene.simulation.faults.add(Fault::once("POST /oauth/token", Effect::Answer(page)));
    let (status, answer) = scene.call("POST", "config/main", config()).await;
    assert!(status == 502 && errors(&answer).contains("RateLimited"), "{status} {answer}");

    let answer = scene.write("roles/ci", json!({"config": "main", "colour": "blue"})).await;
    assert!(answer["warnings"].to_string().contains("colour"), "{answer}");

    let rules =
        |capabilities: &str| format!(r#"path "genesys-cloud/rotate-root/*" {{ capabilities = [{capabilities}] }}"#);
    let without = scene.bao.token(&rules(r#""create", "update""#)).await;
    let path = "genesys-cloud/rotate-root/main";
    assert_eq!(scene.bao.call_as(&without, "POST", path, json!({})).await.0, 403);
    let with = scene.bao.token(&rules(r#""create", "update", "sudo""#)).await;
    assert_ne!(scene.bao.call_as(&with, "POST", path, json!({})).await.0, 403);
}

#[tokio::test]
async fn deleting_a_config_in_use_requires_force_and_its_roles_then_name_the_missing_config() {
    let hosted = Hosted::with_shared_role().await;
    assert!(hosted.rejected("delete", "config/main", Value::Null).await.contains("roles/ci"));
    let lease = hosted.lease().await;
    hosted.call("delete", "config/main", json!({"force": "true"})).await.expect("the config is deleted");
    assert!(hosted.rejected("read", "creds/ci", Value::Null).await.contains("no config \"main\""));
    hosted.revoke(&lease).await.expect("earlier leases can still be revoked");
    assert!(hosted.live().is_empty());
}

#[tokio::test]
async fn a_secret_in_the_wrong_field_is_not_logged() {
    let hosted = Hosted::start().await;
    let swapped = json!({"region": "mypurecloud.ie", "client_id": CLIENT.1, "client_secret": CLIENT.0});
    assert!(hosted.call("write", "config/swapped", swapped.clone()).await.is_err(), "the credentials are validated");
    let mut unverified = swapped;
    unverified["verify_connection"] = json!(false);
    hosted.write("config/swapped", unverified).await;
    until("the write is logged", || hosted.has_logged("config.name\":\"swapped")).await;
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_slow_platform_does_not_delay_other_writes() {
    let hosted = Hosted::start().await;
    hosted.simulation.faults.add(Fault::once("POST /oauth/token", Effect::Delay(5 * SECOND)));
    let asked = hosted.simulation.journal.calls().len();
    let config = async { hosted.write("config/main", config()).await };
    let role = async {
        until("the credentials are being validated", || hosted.simulation.journal.calls().len() > asked).await;
        hosted.write("roles/ci", json!({"config": "main"})).await;
    };
    let first = futures_util::future::select(Box::pin(config), Box::pin(role)).await;
    assert!(matches!(first, futures_util::future::Either::Right(_)), "the role is written first");
}
