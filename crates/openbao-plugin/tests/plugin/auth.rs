//! An auth method, mounted in OpenBao: login, use of the token, and its renewal.

use serde_json::{Value, json};

use super::bao::{Bao, Plugin};
use super::example::named;

const NAME: &str = "password-auth-method";
const STRONG: &str = r#"length = 20 rule "charset" { charset = "abcdefghij" }"#;

async fn enabled() -> Option<Bao> {
    let plugin = Plugin { name: NAME, version: "v1.0.0", binary: named(NAME), environment: Vec::new() };
    let bao = Bao::with_auth(&plugin).await?;
    let enabled = bao.call("POST", "sys/auth/password", json!({"type": NAME})).await;
    assert_eq!(enabled.0, 204, "{enabled:?}");
    let policy = json!({"policy": r#"path "auth/password/host" { capabilities = ["read"] }"#});
    bao.call("PUT", "sys/policies/acl/readers", policy).await;
    let user = json!({"password": "correct horse", "policies": ["readers"], "ttl": "10m"});
    assert_eq!(bao.call("PUT", "auth/password/users/ada", user).await.0, 204);
    Some(bao)
}

async fn login(bao: &Bao, name: &str, password: &str) -> (u16, Value) {
    bao.call_as("", "PUT", &format!("auth/password/login/{name}"), json!({"password": password})).await
}

#[tokio::test]
async fn a_user_logs_in_uses_the_token_and_renews_it() {
    let Some(bao) = enabled().await else { return };
    let (status, answer) = login(&bao, "ada", "correct horse").await;
    assert_eq!(status, 200, "{answer}");
    let auth = &answer["auth"];
    assert_eq!((&auth["policies"], &auth["lease_duration"]), (&json!(["default", "readers"]), &json!(600)));
    assert_eq!((&auth["metadata"]["address"], &auth["renewable"]), (&json!("127.0.0.1"), &json!(true)));
    let token = auth["client_token"].as_str().unwrap();
    let accessor = auth["accessor"].clone();
    let own = bao.call_as(token, "GET", "auth/token/lookup-self", Value::Null).await.1;
    assert_eq!(own["data"]["display_name"], "password-ada");
    for _ in 0..2 {
        let (status, answer) = bao.call_as(token, "PUT", "auth/token/renew-self", json!({"increment": 300})).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            (&answer["auth"]["accessor"], &answer["auth"]["policies"]),
            (&accessor, &json!(["default", "readers"]))
        );
        assert_eq!(answer["auth"]["entity_id"], auth["entity_id"], "the renewal keeps the entity");
    }
    assert_eq!(bao.call("DELETE", "auth/password/users/ada", Value::Null).await.0, 204);
    let (status, answer) = bao.call_as(token, "PUT", "auth/token/renew-self", json!({})).await;
    assert!(status >= 400, "a deleted user's token is not renewed: {answer}");
    assert_eq!(bao.call_as(token, "PUT", "auth/token/revoke-self", json!({})).await.0, 204);
    assert_eq!(bao.call_as(token, "GET", "auth/password/host", Value::Null).await.0, 403);
    assert!(!bao.log().contains("correct horse"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let Some(bao) = enabled().await else { return };
    let (status, answer) = login(&bao, "ada", "wrong").await;
    assert_eq!(status, 400);
    assert_eq!((400, answer), login(&bao, "bob", "wrong").await);
    let (status, _) = bao.call_as("", "GET", "auth/password/users/ada", Value::Null).await;
    assert_eq!(status, 403, "only the login needs no token");
}

#[tokio::test]
async fn the_host_tells_about_itself_and_the_caller() {
    let Some(bao) = enabled().await else { return };
    bao.call("PUT", "sys/policies/password/strong", json!({"policy": STRONG})).await;
    let (_, login) = login(&bao, "ada", "correct horse").await;
    let (token, entity) = (login["auth"]["client_token"].as_str().unwrap(), &login["auth"]["entity_id"]);
    bao.call("PUT", "identity/group", json!({"name": "crew", "member_entity_ids": [entity]})).await;
    let (status, answer) = bao.call_as(token, "GET", "auth/password/host", Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let answer = &answer["data"];
    assert_eq!((&answer["alias"], &answer["groups"]), (&json!("ada"), &json!(["crew"])));
    assert_eq!((&answer["is_tainted"], &answer["is_caching_disabled"]), (&json!(false), &json!(false)));
    assert_eq!(answer["password"].as_str().unwrap().len(), 20);
    assert!(answer["version"].as_str().unwrap().starts_with("2."), "{answer}");
    assert!(!answer["cluster_id"].as_str().unwrap().is_empty());
    assert!(answer["wrap_error"].as_str().unwrap().contains("no namespace"), "{answer}");
}

#[tokio::test]
async fn an_answer_is_wrapped() {
    let Some(bao) = enabled().await else { return };
    let (status, answer) = bao.call("GET", "auth/password/wrapped", Value::Null).await;
    assert_eq!((status, &answer["data"]), (200, &Value::Null), "{answer}");
    let wrapping = answer["wrap_info"]["token"].as_str().unwrap();
    let (_, unwrapped) = bao.call_as(wrapping, "PUT", "sys/wrapping/unwrap", Value::Null).await;
    assert_eq!(unwrapped["data"], json!({"secret": "hush"}));
}
