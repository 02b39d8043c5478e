//! `allowed_roles`: a config is used by the roles that it allows only.

use serde_json::{Value, json};

use crate::hosted::{Hosted, role, until};
use crate::scene::{Scene, config, errors};

const DENIED: &str = "ConfigurationInvalid: config/main does not allow the role";

fn allowing(roles: Value) -> Value {
    json!({"allowed_roles": roles, "verify_connection": false})
}

#[tokio::test]
async fn a_config_allows_every_role_until_it_names_some() {
    let hosted = Hosted::start().await;
    assert_eq!(hosted.read("config/main").await["allowed_roles"], json!(["*"]));
    for (sent, shown) in [
        (json!("ci, team-*"), json!(["ci", "team-*"])),
        (json!(["one"]), json!(["one"])),
        (json!(""), json!([])),
        (json!("*"), json!(["*"])),
    ] {
        hosted.write("config/main", allowing(sent)).await;
        assert_eq!(hosted.read("config/main").await["allowed_roles"], shown);
        hosted.write("config/main", json!({"region": "mypurecloud.ie", "verify_connection": false})).await;
        assert_eq!(hosted.read("config/main").await["allowed_roles"], shown, "a merge keeps the list");
    }
    for (sent, says) in [("a b", "allowed_roles"), ("*a", "allowed_roles"), ("a**", "allowed_roles")] {
        let message = hosted.rejected("write", "config/main", allowing(json!([sent]))).await;
        assert!(message.contains(says) && !message.contains(sent), "{message}");
    }
}

#[tokio::test]
async fn a_role_that_its_config_does_not_allow_is_not_stored() {
    let hosted = Hosted::start().await;
    hosted.write("config/main", allowing(json!("ci,team-*"))).await;
    let minted = hosted.simulation.genesys.minted();
    for path in ["roles/other", "roles/team", "static-roles/other"] {
        let message = hosted.rejected("write", path, role()).await;
        assert!(message.starts_with(DENIED), "{path}: {message}");
        assert!(message.contains("\nhint: add the role to allowed_roles of config/main"), "{message}");
    }
    assert_eq!(hosted.simulation.genesys.minted(), minted, "no token was minted");
    for path in ["roles/ci", "roles/team-one", "static-roles/team-"] {
        let path = path.strip_suffix('-').map_or_else(|| path.to_owned(), |path| format!("{path}-x"));
        hosted.write(&path, role()).await;
    }
    assert_eq!(hosted.storage.keys().iter().filter(|key| key.contains("other")).count(), 0);
}

#[tokio::test]
async fn another_platform_or_place_keeps_the_list() {
    let hosted = Hosted::start().await;
    hosted.write("config/main", allowing(json!("ci"))).await;
    let cxone = json!({"platform": "nice-cxone", "area": "na1", "access_key_id": "A", "access_key_secret": "hush",
        "verify_connection": false});
    hosted.write("config/main", cxone).await;
    assert_eq!(hosted.read("config/main").await["allowed_roles"], json!(["ci"]));
}

#[tokio::test]
async fn a_role_that_its_config_no_longer_allows_gets_no_token_and_is_not_rotated() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let lease = hosted.call("read", "creds/ci", Value::Null).await.unwrap().lease.unwrap();
    hosted.read("token/ci").await;
    let token = hosted.token().await;
    let minted = hosted.simulation.genesys.minted();
    let answer = hosted.write("config/main", allowing(json!("another"))).await;
    let warning = answer.warnings.concat();
    assert!(warning.contains("roles/ci, static-roles/ci"), "{warning}");
    for path in ["creds/ci", "token/ci", "static-creds/ci"] {
        assert!(hosted.rejected("read", path, Value::Null).await.starts_with(DENIED), "{path}");
    }
    for path in ["roles/ci", "static-roles/ci"] {
        let warnings = hosted.call("read", path, Value::Null).await.unwrap().warnings;
        assert!(warnings[0].starts_with("the role gets no tokens: ConfigurationInvalid: config/main"), "{warnings:?}");
    }
    assert!(hosted.rejected("update", "rotate-role/ci", Value::Null).await.starts_with(DENIED));
    hosted.age().await;
    hosted.tick().await;
    until("the refusal is logged", || hosted.has_logged("was not rotated: config/main does not allow")).await;
    let shown = hosted.read("static-roles/ci").await;
    assert_eq!(shown["last_error"]["type"], "ConfigurationInvalid", "{shown}");
    assert_eq!(hosted.simulation.genesys.minted(), minted, "no token was minted");
    assert!(hosted.is_live(&token), "tokens that readers hold stay valid");
    hosted.revoke(&lease).await.expect("a lease can be revoked");
    hosted.write("config/main", allowing(json!("c*"))).await;
    hosted.call("update", "rotate-role/ci", Value::Null).await.expect("the role is allowed again");
    assert_ne!(hosted.token().await, token);
    assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    hosted.call("delete", "static-roles/ci", Value::Null).await.expect("the role is deleted");
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_role_that_is_not_allowed_does_not_block_the_rotation_of_the_client_secret() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.regenerate_revokes_tokens = true);
    hosted.write("config/main", allowing(json!(""))).await;
    hosted.call("update", "rotate-root/main", Value::Null).await.expect("the secret is rotated");
    assert!(!hosted.storage.keys().iter().any(|key| key.starts_with("root-intent/")), "{:?}", hosted.storage.keys());
    hosted.write("config/main", allowing(json!("*"))).await;
    // The revoked token is not returned.
    until("the role has a valid token", || hosted.stored_token().is_some_and(|token| hosted.is_live(&token))).await;
    assert!(hosted.is_live(&hosted.token().await));
}

/// A team may write its own roles, and a config that allows only the roles of another team stays out of reach.
#[tokio::test]
async fn in_openbao_a_team_uses_only_the_configs_that_allow_its_roles() {
    let Some(scene) = Scene::empty().await else { return };
    for (name, roles) in [("reports", "reports-*"), ("dialer", "dialer-*")] {
        let mut config = config();
        config["allowed_roles"] = json!(roles);
        scene.write(&format!("config/{name}"), config).await;
    }
    let policy = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/vault/policies/team.hcl"));
    let team = scene.bao.token(policy).await;
    let call = async |method: &str, path: &str, body: Value| {
        scene.bao.call_as(&team, method, &format!("genesys-cloud/{path}"), body).await
    };
    assert_eq!(call("POST", "roles/reports-a", json!({"config": "reports"})).await.0, 204);
    assert_eq!(call("GET", "creds/reports-a", Value::Null).await.0, 200);
    let (status, answer) = call("POST", "roles/reports-a", json!({"config": "dialer"})).await;
    assert!(status == 400 && errors(&answer).contains("config/dialer does not allow"), "{answer}");
    let period = json!({"config": "dialer", "rotation_period": "1h"});
    assert_eq!(call("POST", "static-roles/reports-a", period).await.0, 400);
    assert_eq!(call("POST", "roles/dialer-a", json!({"config": "dialer"})).await.0, 403);
    assert_eq!(call("POST", "config/dialer", json!({"allowed_roles": "*"})).await.0, 403);
}
