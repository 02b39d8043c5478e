//! Configs and roles: merging, validation and invalid requests.

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, until as hosted_until};
use crate::scene::{CLIENT, SECOND, Scene, config, errors};

#[tokio::test]
async fn a_config_write_validates_and_merges_and_reads_never_return_the_secret() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/main", config()).await;
    assert_eq!(scene.simulation.genesys.minted(), 1, "the credentials were validated");
    assert!(scene.live().is_empty(), "and the token was revoked");
    scene.write("config/main", json!({"region": "eu-central-1", "verify_connection": false})).await;
    let data = scene.read("config/main").await["data"].clone();
    assert_eq!(data, json!({"platform": "genesys-cloud", "region": "eu-central-1", "client_id": CLIENT.0}));
    scene.write("config/main", json!({"region": "mypurecloud.ie"})).await;
    assert_eq!(scene.simulation.genesys.minted(), 2, "both writes kept the secret");
    assert_eq!(scene.call("LIST", "config", Value::Null).await.1["data"]["keys"], json!(["main"]));
}

#[tokio::test]
async fn invalid_credentials_are_not_stored() {
    let Some(scene) = Scene::empty().await else { return };
    let mut wrong = config();
    wrong["client_secret"] = json!("hush-hush-wrong");
    let (status, answer) = scene.call("POST", "config/main", wrong).await;
    assert_eq!(status, 400, "{answer}");
    assert!(errors(&answer).contains("CredentialsRejected"), "{answer}");
    assert!(errors(&answer).contains("\nhint: check client_id and client_secret, and the region"), "{answer}");
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Drop));
    let (status, answer) = scene.call("POST", "config/main", config()).await;
    assert_eq!(status, 502, "{answer}");
    assert!(errors(&answer).contains("PlatformUnavailable"), "{answer}");
    assert_eq!(scene.call("GET", "config/main", Value::Null).await.0, 404);
    assert!(!answer.to_string().contains("hush-hush"));
}

#[tokio::test]
async fn invalid_requests_get_400_with_a_message_and_a_hint() {
    let Some(scene) = Scene::start().await else { return };
    let long = "x".repeat(5_000);
    let named = |name: &str, fields: Value| (format!("roles/{name}"), fields);
    for ((path, body), words) in [
        (("config/new".to_owned(), json!({"region": "mypurecloud.ie", "client_id": "a"})), "client_secret is missing"),
        (("config/new".to_owned(), json!({"client_id": "a", "client_secret": "b"})), "region is missing"),
        (("config/main".to_owned(), json!({"region": "mars-1"})), "mars-1"),
        (("config/main".to_owned(), json!({"region": "https://login.mypurecloud.ie"})), "write the domain alone"),
        (("config/main".to_owned(), json!({"client_secret": "hush-hush \n"})), "leading or trailing whitespace"),
        (("config/main".to_owned(), json!({"client_id": long})), "client_id"),
        (("config/main".to_owned(), json!({"client_secret": {"a": 1}})), "client_secret"),
        (("config/main".to_owned(), json!({"platform": "avaya"})), "avaya"),
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
        let (status, answer) = scene.call("POST", &path, body.clone()).await;
        let text = errors(&answer);
        assert_eq!(status, 400, "{path} {body}: {answer}");
        assert!(text.contains(words) && text.contains("\nhint: "), "{path} {body}: {text}");
        assert!(!text.contains("hush-hush"), "{text}");
    }
    for path in ["creds/none", "token/none"] {
        let (status, answer) = scene.call("GET", path, Value::Null).await;
        assert_eq!(status, 400, "{path}");
        assert!(errors(&answer).contains("no role \"none\""), "{answer}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_unsupported_operations_405() {
    let Some(scene) = Scene::start().await else { return };
    for path in ["nonsense", "nonsense/ci", "creds", "config/main/deeper", "roles/none", "config/none"] {
        assert_eq!(scene.call("GET", path, Value::Null).await.0, 404, "{path}");
    }
    for (method, path) in [("DELETE", "creds/ci"), ("POST", "creds/ci"), ("LIST", "creds"), ("GET", "rotate-root/main")]
    {
        let (status, answer) = scene.call(method, path, json!({})).await;
        assert!(status == 405 || (method == "LIST" && status == 404), "{method} {path}: {status} {answer}");
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored_with_a_warning() {
    let Some(scene) = Scene::start().await else { return };
    let answer = scene.write("roles/ci", json!({"config": "main", "colour": "blue"})).await;
    assert!(answer["warnings"].to_string().contains("colour"), "{answer}");
}

#[tokio::test]
async fn deleting_a_config_in_use_requires_force_and_its_roles_then_name_the_missing_config() {
    let Some(scene) = Scene::start().await else { return };
    let (status, answer) = scene.call("DELETE", "config/main", Value::Null).await;
    assert_eq!(status, 400);
    assert!(errors(&answer).contains("roles/ci"), "{answer}");
    let lease = scene.read("creds/ci").await["lease_id"].clone();
    assert_eq!(scene.call("DELETE", "config/main?force=true", Value::Null).await.0, 204);
    let (status, answer) = scene.call("GET", "creds/ci", Value::Null).await;
    assert_eq!(status, 400);
    assert!(errors(&answer).contains("no config \"main\""), "{answer}");
    assert_eq!(scene.revoke(&lease).await.0, 204, "earlier leases can still be revoked");
    assert!(scene.live().is_empty());
}

#[tokio::test]
async fn rotate_root_requires_sudo() {
    let Some(scene) = Scene::start().await else { return };
    let rules =
        |capabilities: &str| format!(r#"path "genesys-cloud/rotate-root/*" {{ capabilities = [{capabilities}] }}"#);
    let without = scene.bao.token(&rules(r#""create", "update""#)).await;
    let path = "genesys-cloud/rotate-root/main";
    assert_eq!(scene.bao.call_as(&without, "POST", path, json!({})).await.0, 403);
    let with = scene.bao.token(&rules(r#""create", "update", "sudo""#)).await;
    assert_ne!(scene.bao.call_as(&with, "POST", path, json!({})).await.0, 403);
}

#[tokio::test]
async fn a_secret_in_the_wrong_field_is_not_logged() {
    let hosted = Hosted::start().await;
    let swapped = json!({"region": "mypurecloud.ie", "client_id": CLIENT.1, "client_secret": CLIENT.0});
    assert!(hosted.call("write", "config/swapped", swapped.clone()).await.is_err(), "the credentials are validated");
    let mut unverified = swapped;
    unverified["verify_connection"] = json!(false);
    hosted.write("config/swapped", unverified).await;
    hosted_until("the write is logged", || hosted.has_logged("config.name\":\"swapped")).await;
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_slow_platform_does_not_delay_other_writes() {
    let hosted = Hosted::start().await;
    hosted.simulation.faults.add(Fault::once("POST /oauth/token", Effect::Delay(5 * SECOND)));
    let asked = hosted.simulation.journal.calls().len();
    let config = async { hosted.write("config/main", config()).await };
    let role = async {
        hosted_until("the credentials are being validated", || hosted.simulation.journal.calls().len() > asked).await;
        hosted.write("roles/ci", json!({"config": "main"})).await;
    };
    let first = futures_util::future::select(Box::pin(config), Box::pin(role)).await;
    assert!(matches!(first, futures_util::future::Either::Right(_)), "the role is written first");
}
