//! The requests of the Secrets Store CSI provider (openbao-csi-provider 2.0.2, vault-csi-provider 1.7.4) to OpenBao.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::kubernetes_cluster::{Cluster, service_account_token};
use super::kubernetes_files::manifests;

/// The login and the objects of csi-openbao.yaml.
async fn mount() -> Option<(Cluster, String, Vec<Value>)> {
    let manifests = manifests()?;
    let documents = manifests["files"]["csi-openbao.yaml"].as_array().expect("documents");
    let class = documents.iter().find(|document| document["kind"] == "SecretProviderClass").expect("a class");
    let deployment = documents.iter().find(|document| document["kind"] == "Deployment").expect("a Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["csi"]["volumeAttributes"]["secretProviderClass"], class["metadata"]["name"]);
    let parameters = &class["spec"]["parameters"];
    let account = pod["serviceAccountName"].as_str().expect("a name");
    let jwt = service_account_token(account, parameters["audience"].as_str().expect("an audience"));
    let cluster = Cluster::start().await?;
    let login = cluster.log_in(parameters["roleName"].as_str().expect("a role"), &jwt).await;
    Some((cluster, login, class["objects"].as_array().expect("objects").clone()))
}

/// The files of a mount: one read for all objects of a path.
async fn files(cluster: &Cluster, login: &str, objects: &[Value]) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    let mut files = BTreeMap::new();
    for object in objects {
        let text = |field: &str| object[field].as_str().expect("a text").to_owned();
        if let Entry::Vacant(answer) = answers.entry(text("secretPath")) {
            answer.insert(cluster.read(login, &text("secretPath")).await);
        }
        let value = &answers[&text("secretPath")][&text("secretKey")];
        assert!(value.is_string(), "{object}");
        files.insert(text("objectName"), value.clone());
    }
    files
}

#[tokio::test]
async fn the_files_have_a_valid_token_after_each_poll() {
    let Some((cluster, login, objects)) = mount().await else { return };
    let first = files(&cluster, &login, &objects).await;
    assert_eq!(first.keys().collect::<Vec<_>>(), ["access_token", "expires_at"]);
    assert_eq!(files(&cluster, &login, &objects).await, first, "a poll between rotations changes nothing");
    cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
    let second = files(&cluster, &login, &objects).await;
    assert!(second != first && cluster.accepts(&second["access_token"]) && cluster.accepts(&first["access_token"]));
}

/// The provider keeps its login until a read gets 403, and then logs in again.
#[tokio::test]
async fn an_expired_login_gets_403() {
    let Some((cluster, login, objects)) = mount().await else { return };
    assert_eq!(cluster.bao.call_as(&login, "PUT", "auth/token/revoke-self", json!({})).await.0, 204);
    let path = objects[0]["secretPath"].as_str().expect("a path");
    assert_eq!(cluster.bao.call_as(&login, "GET", path, Value::Null).await.0, 403);
}

#[tokio::test]
async fn parameters_belong_into_the_path() {
    let Some((cluster, login, _)) = mount().await else { return };
    let too_long = json!({"minimum_seconds": "86000"});
    let get = async |path: &str, body: Value| cluster.bao.call_as(&login, "GET", path, body).await.0;
    assert_eq!(get("genesys-cloud/token/ci?minimum_seconds=1800", Value::Null).await, 200);
    assert_eq!(get("genesys-cloud/token/ci?minimum_seconds=86000", Value::Null).await, 400, "the query is read");
    assert_eq!(get("genesys-cloud/token/ci", too_long.clone()).await, 200, "a GET's body, secretArgs, is ignored");
    assert_eq!(cluster.bao.call("PUT", "genesys-cloud/token/ci", too_long).await.0, 405, "method: PUT");
}
