//! The requests of External Secrets Operator 2.9.0 to OpenBao: a login for each refresh, one GET, no renewal.

use serde_json::{Map, Value, json};

use super::kubernetes_cluster::{Cluster, service_account_token, token_of};
use super::kubernetes_files::manifest;
use crate::bao::until;

/// Seconds between kubelet's updates of a mounted Secret, with its jitter.
pub const KUBELET: u64 = 90;
/// The longest wait of the operator after a failure, in seconds.
const LONGEST_RETRY: u64 = 420;

/// Seconds of a duration such as `5m0s`.
pub fn seconds(duration: &Value) -> u64 {
    let parsed: jiff::SignedDuration = duration.as_str().expect("a text").parse().expect("a duration");
    parsed.as_secs().unsigned_abs()
}

/// One refresh: logs in and reads as the generator's resource says. Returns the status and the answer.
async fn refresh(cluster: &Cluster, generator: &Value) -> (u16, Value) {
    let spec = &generator["spec"];
    let kubernetes = &spec["provider"]["auth"]["kubernetes"];
    assert_eq!(
        (&kubernetes["mountPath"], &spec["method"], &spec["resultType"]),
        (&json!("kubernetes"), &json!("GET"), &json!("Data"))
    );
    let login =
        cluster.log_in(kubernetes["role"].as_str().expect("a role"), &token_of(&kubernetes["serviceAccountRef"])).await;
    let parameters = spec["getParameters"].as_object().into_iter().flatten().flat_map(|(name, values)| {
        values
            .as_array()
            .expect("values")
            .iter()
            .map(move |value| format!("{name}={}", value.as_str().expect("a text")))
    });
    let path = spec["path"].as_str().expect("a path").to_owned();
    let query = parameters.collect::<Vec<_>>().join("&");
    cluster
        .bao
        .call_as(&login, "GET", &if query.is_empty() { path } else { format!("{path}?{query}") }, Value::Null)
        .await
}

/// The data of the Secret: the template's fields, filled from the answer.
fn secret(external: &Value, answer: &Value) -> Map<String, Value> {
    let data = external["spec"]["target"]["template"]["data"].as_object().expect("a template").iter();
    data.map(|(key, template)| {
        let field = template.as_str().and_then(|text| text.strip_prefix("{{ .")?.strip_suffix(" }}")).expect("a field");
        let value = &answer["data"][field];
        assert!(value.is_string(), "{field}: {answer}");
        (key.clone(), value.clone())
    })
    .collect()
}

#[tokio::test]
async fn the_secret_has_a_valid_token_and_changes_only_with_a_rotation() {
    let (Some(generator), Some(external)) = (
        manifest("eso-openbao.yaml", "VaultDynamicSecret", "genesys-static"),
        manifest("eso-openbao.yaml", "ExternalSecret", "genesys-token"),
    ) else {
        return;
    };
    let Some(cluster) = Cluster::start().await else { return };
    assert_eq!(external["spec"]["dataFrom"][0]["sourceRef"]["generatorRef"]["name"], generator["metadata"]["name"]);
    let (_, first) = refresh(&cluster, &generator).await;
    let before = secret(&external, &first);
    assert!(cluster.accepts(&before["access_token"]));
    until("another field of the answer has changed", async || {
        let (_, again) = refresh(&cluster, &generator).await;
        assert_eq!(secret(&external, &again), before);
        again["data"] != first["data"]
    })
    .await;
    cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
    let after = secret(&external, &refresh(&cluster, &generator).await.1);
    let role = cluster.bao.read("genesys-cloud/static-roles/ci").await;
    assert_eq!(after["expires_at"], role["expires_at"], "the page compares them before it revokes a token");
    assert!(after != before && cluster.accepts(&after["access_token"]));
    assert!(cluster.accepts(&before["access_token"]), "the pods have the former token until the next refresh");
}

/// A refresh may fail once, and kubelet may be late.
#[tokio::test]
async fn a_pod_has_the_next_token_before_the_former_one_expires() {
    let mut late = 0;
    for file in ["eso-openbao.yaml", "eso-openbao-shared.yaml", "eso-aws.yaml", "eso-kv.yaml"] {
        let Some(external) = manifest(file, "ExternalSecret", "genesys-token") else { return };
        late = late.max(seconds(&external["spec"]["refreshInterval"]) + LONGEST_RETRY + KUBELET);
    }
    let Some(cluster) = Cluster::start().await else { return };
    let login = cluster.log_in("genesys-reader", &service_account_token("genesys-reader", "openbao")).await;
    // One hour is CXone's lifetime.
    for lifetime in [3_600, 86_400] {
        cluster.simulation.genesys.set(|settings| settings.token_lifetime = lifetime);
        for role in [
            json!({"rotation_period": "12h"}),
            json!({"rotation_period": "5m"}),
            json!({"rotation_schedule": "0 */6 * * *"}),
        ] {
            cluster.bao.call("DELETE", "genesys-cloud/static-roles/ci", Value::Null).await;
            let mut body = json!({"config": "main"});
            body.as_object_mut().expect("an object").extend(role.as_object().expect("an object").clone());
            cluster.bao.post("genesys-cloud/static-roles/ci", body).await;
            let data = cluster.read(&login, "genesys-cloud/static-creds/ci").await;
            let left = |field: &str| data[field].as_u64().expect("seconds");
            // The rotation begins in `ttl`; the token is valid for `token_ttl`.
            assert!(left("token_ttl") - left("ttl") >= lifetime / 4 - 1, "{data}");
            assert!(left("token_ttl") - left("ttl") > late, "{late} s: {data}");
        }
        let file = "eso-openbao-shared.yaml";
        let generator = manifest(file, "VaultDynamicSecret", "genesys-shared").expect("the document");
        let minimum =
            generator["spec"]["getParameters"]["minimum_seconds"][0].as_str().and_then(|text| text.parse().ok());
        let (status, answer) = refresh(&cluster, &generator).await;
        let left = answer["data"]["ttl"].as_u64().expect("seconds");
        assert!(status == 200 && left >= minimum.expect("a number") && minimum > Some(late), "{late} s: {answer}");
    }
}

/// The paths are read with GET: `method: POST` makes the operator send PUT.
#[tokio::test]
async fn parameters_in_a_body_are_refused() {
    let Some(cluster) = Cluster::start().await else { return };
    let login = cluster.log_in("genesys-reader", &service_account_token("genesys-reader", "openbao")).await;
    for path in ["token/ci", "static-creds/ci"] {
        let body = json!({"minimum_seconds": "1800"});
        let root = cluster.bao.call("PUT", &format!("genesys-cloud/{path}"), body.clone()).await;
        assert_eq!(root.0, 405, "{path}: {}", root.1);
        assert_eq!(cluster.bao.call_as(&login, "PUT", &format!("genesys-cloud/{path}"), body).await.0, 403, "{path}");
    }
}

/// Why the manifest does not read `creds/`.
#[tokio::test]
async fn a_leased_token_ends_with_the_login_that_nobody_renews() {
    let Some(cluster) = Cluster::start().await else { return };
    let jwt = service_account_token("genesys-reader", "openbao");
    let role = json!({"bound_service_account_names": "genesys-reader", "bound_service_account_namespaces": "ci",
        "audience": "openbao", "token_policies": "reader-ci", "token_ttl": "2s"});
    cluster.bao.post("auth/kubernetes/role/short", role).await;
    let leased =
        cluster.read(&cluster.log_in("short", &jwt).await, "genesys-cloud/creds/ci").await["access_token"].clone();
    let login = cluster.log_in("genesys-reader", &jwt).await;
    let second = cluster.read(&login, "genesys-cloud/creds/ci").await["access_token"].clone();
    let fixed = cluster.read(&login, "genesys-cloud/static-creds/ci").await["access_token"].clone();
    assert!(leased != second, "each refresh issues another token");
    // A generator's login ends by its own ttl; a SecretStore revokes its login after the read.
    until("the first login has ended", async || !cluster.accepts(&leased)).await;
    assert_eq!(cluster.bao.call_as(&login, "PUT", "auth/token/revoke-self", json!({})).await.0, 204);
    until("the second login has ended", async || !cluster.accepts(&second)).await;
    assert!(cluster.accepts(&fixed), "a static token has no lease");
}

/// The operators leave the Secret as it is after each of these.
#[tokio::test]
async fn refused_reads_are_errors_and_never_empty_answers() {
    let Some(cluster) = Cluster::start().await else { return };
    let login = cluster.log_in("genesys-reader", &service_account_token("genesys-reader", "openbao")).await;
    let first = cluster.read(&login, "genesys-cloud/static-creds/ci").await["access_token"].clone();
    cluster.bao.post("genesys-cloud/rotate-role/ci", json!({"revoke_previous": true})).await;
    assert!(!cluster.accepts(&first), "pods have a revoked token until the next refresh");
    let next = cluster.read(&login, "genesys-cloud/static-creds/ci").await["access_token"].clone();
    assert!(cluster.accepts(&next), "the next refresh gets a valid token");

    assert_eq!(cluster.bao.call_as(&login, "GET", "genesys-cloud/static-creds/other", Value::Null).await.0, 403);
    // A wrong name in the manifest.
    let (status, answer) = cluster.bao.call("GET", "genesys-cloud/static-creds/unknown", Value::Null).await;
    assert!(status == 400 && answer.to_string().contains("there is no static role"), "{answer}");
    let (status, answer) = cluster.try_log_in("unknown", &service_account_token("genesys-reader", "openbao")).await;
    assert!(status == 400 && answer.to_string().contains("invalid role name"), "{answer}");
    let (status, answer) = cluster.bao.call("GET", "genesys-cloud-2/static-creds/ci", Value::Null).await;
    assert!(status == 404 && answer["data"].is_null(), "{answer}");

    // Rotations fail, and the token expires.
    cluster.simulation.genesys.set(|settings| settings.token_lifetime = 3);
    cluster.bao.post("genesys-cloud/rotate-role/ci", json!({})).await;
    cluster.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let read = async || cluster.bao.call_as(&login, "GET", "genesys-cloud/static-creds/ci", Value::Null).await;
    until("the token has expired", async || read().await.0 != 200).await;
    let (status, answer) = read().await;
    assert!([400, 502].contains(&status) && answer["data"].is_null(), "{status} {answer}");
    assert!(answer.to_string().contains("has expired"), "the page distinguishes it from a wrong name: {answer}");
    cluster.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    until("the engine has rotated", async || read().await.0 == 200).await;
}

/// A `SecretStore` logs in, looks the login up, reads, and revokes the login.
#[tokio::test]
async fn a_secret_of_kv_is_copied_without_its_client_secret() {
    let (Some(store), Some(external)) = (
        manifest("eso-kv.yaml", "SecretStore", "genesys-kv"),
        manifest("eso-kv.yaml", "ExternalSecret", "genesys-token"),
    ) else {
        return;
    };
    let Some(cluster) = Cluster::start().await else { return };
    let vault = &store["spec"]["provider"]["vault"];
    let token = cluster.bao.read("genesys-cloud/static-creds/ci").await["access_token"].clone();
    let document = json!({"region": "mypurecloud.ie", "client_id": "my-id", "client_secret": "hush-hush",
        "access_token": token, "expires_at": "2030-01-01T00:00:00Z"});
    cluster.bao.put("team/genesys", &document.to_string()).await;
    let kubernetes = &vault["auth"]["kubernetes"];
    let role = kubernetes["role"].as_str().expect("a role");
    let login = cluster.log_in(role, &token_of(&kubernetes["serviceAccountRef"])).await;
    assert_eq!(cluster.read(&login, "auth/token/lookup-self").await["type"], "service");
    let mut secret = Map::new();
    for entry in external["spec"]["data"].as_array().expect("entries") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let path = format!("{}/data/{}", text(&vault["path"]), text(&entry["remoteRef"]["key"]));
        let data = cluster.read(&login, &path).await["data"].clone();
        secret.insert(text(&entry["secretKey"]), data[text(&entry["remoteRef"]["property"])].clone());
    }
    assert_eq!(cluster.bao.call_as(&login, "PUT", "auth/token/revoke-self", json!({})).await.0, 204);
    assert_eq!(Value::from(secret), json!({"access_token": token, "expires_at": "2030-01-01T00:00:00Z"}));
    assert!(cluster.accepts(&token));
}

#[tokio::test]
async fn a_sealed_openbao_refuses_logins_and_reads_with_503() {
    let Some(cluster) = Cluster::start().await else { return };
    let jwt = service_account_token("genesys-reader", "openbao");
    let login = cluster.log_in("genesys-reader", &jwt).await;
    let token = cluster.read(&login, "genesys-cloud/static-creds/ci").await["access_token"].clone();
    assert_eq!(cluster.bao.call("PUT", "sys/seal", json!({})).await.0, 204);
    let read = cluster.bao.call_as(&login, "GET", "genesys-cloud/static-creds/ci", Value::Null).await;
    for (status, answer) in [read, cluster.try_log_in("genesys-reader", &jwt).await] {
        assert!(status == 503 && answer.to_string().contains("Vault is sealed"), "{status} {answer}");
    }
    assert!(cluster.accepts(&token), "running pods keep a valid token");
}
