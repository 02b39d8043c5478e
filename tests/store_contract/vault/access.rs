//! Policies, namespaces and logins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use genesys_rotator::rotation::{ErrorKind, SecretId, SecretStore, VersionId, VersionSelector};
use genesys_rotator::secret::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Vault;
use crate::bao::{Bao, ROOT, until};
use crate::fixture::{DOCUMENT, Fixture, Secret, token_in};

/// The documented policy of a rotator.
const ROTATOR: &str = r#"
path "secret/data/team/*" { capabilities = ["read", "update"] }
path "secret/metadata/team/*" { capabilities = ["update"] }
path "secret/data/genesys-rotator/pending/team/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/genesys-rotator/pending/team/*" { capabilities = ["create", "update"] }
"#;
const READER: &str = r#"path "secret/data/team/*" { capabilities = ["read"] }"#;

#[tokio::test]
async fn the_documented_policy_is_enough_and_readers_cannot_read_staged_versions() {
    let Some(root) = Vault::start() else { return };
    root.bao.put("team/genesys", DOCUMENT).await;
    let id = SecretId::new("secret/team/genesys");
    let token = root.bao.token(ROTATOR).await;
    let fixture = Vault::with(&root.bao, &[("VAULT_TOKEN", &token)]);
    let report = Secret { fixture: &fixture, id: id.clone() }.rotate().await;
    assert!(report.promoted(), "{report:?}");
    let metadata = root.bao.call("GET", "secret/metadata/team/genesys", Value::Null).await.1;
    assert_eq!(metadata["data"]["custom_metadata"]["platform"], "genesys-cloud");

    let token = root.bao.token(READER).await;
    let reader = Vault::with(&root.bao, &[("VAULT_TOKEN", &token)]);
    let value = reader.store().read(&id, VersionSelector::Current).await.expect("a permitted read").expect("a value");
    assert!(token_in(value.text.expose_secret()).is_some());
    let error =
        reader.store().read(&id, VersionSelector::Pending(&VersionId::random())).await.expect_err("a denied read");
    assert_eq!(error.kind(), ErrorKind::StoreDenied);
    assert!(error.to_string().contains("secret/data/genesys-rotator/pending/team/genesys (403: "), "{error}");
    assert!(error.to_string().contains("permission denied"), "{error}");
    let wanted = r#"add path "secret/data/genesys-rotator/pending/team/genesys" { capabilities = ["read"] }"#;
    assert!(error.hint().starts_with(wanted), "{}", error.hint());

    // Without permission for the metadata, the rotation succeeds and sets no custom metadata.
    let policy = ROTATOR.lines().filter(|line| !line.contains("metadata")).collect::<Vec<_>>().join("\n");
    let fixture = Vault::with(&root.bao, &[("VAULT_TOKEN", &root.bao.token(&policy).await)]);
    assert!(Secret { fixture: &fixture, id }.rotate().await.promoted());
}

#[tokio::test]
async fn a_namespace_has_its_own_mounts_and_secrets() {
    let Some(root) = Vault::start() else { return };
    root.bao.post("sys/namespaces/team", Value::Null).await;
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    root.bao.call_in("team", "POST", "sys/mounts/secret", mount).await;
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    root.bao.call_in("team", "POST", "secret/data/genesys", json!({ "data": document })).await;
    let id = SecretId::new("secret/genesys");
    let fixture = Vault::with(&root.bao, &[("VAULT_TOKEN", ROOT), ("VAULT_NAMESPACE", "team/")]);
    let report = Secret { fixture: &fixture, id: id.clone() }.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_eq!(root.refusal("secret/genesys").await.kind(), ErrorKind::SecretNotFound);
    let nowhere = Vault::with(&root.bao, &[("VAULT_TOKEN", ROOT), ("BAO_NAMESPACE", "no-such")]);
    let error = nowhere.refusal("secret/genesys").await;
    assert!(error.hint().contains("VAULT_NAMESPACE"), "{error}: {}", error.hint());
}

/// Creates an AppRole with the documented policy at a custom mount; returns its role id and a secret id.
async fn app_role(bao: &Bao) -> [String; 2] {
    bao.post("sys/auth/machines", json!({"type": "approle"})).await;
    bao.post("sys/policies/acl/rotator", json!({ "policy": ROTATOR })).await;
    bao.post("auth/machines/role/rotator", json!({"token_policies": ["rotator"]})).await;
    let role = bao.call("GET", "auth/machines/role/rotator/role-id", Value::Null).await.1;
    let secret = bao.post("auth/machines/role/rotator/secret-id", Value::Null).await;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    [text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"])]
}

const MOUNT: (&str, &str) = ("VAULT_AUTH_MOUNT", "auth/machines/");

#[tokio::test]
async fn logins_with_an_app_role_and_from_files_succeed() {
    let Some(root) = Vault::start() else { return };
    let bao = &root.bao;
    bao.put("team/genesys", DOCUMENT).await;
    let [role_id, secret_id] = app_role(bao).await;
    let home = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, format!("{text}\n")).expect("the file is written");
        path.display().to_string()
    };
    let (role_file, secret_file) = (file("role-id", &role_id), file("secret-id", &secret_id));
    let token_file = file(".vault-token", &bao.token(ROTATOR).await);
    let home = home.path().display().to_string();
    for settings in [
        &[MOUNT, ("VAULT_ROLE_ID", &role_id), ("VAULT_SECRET_ID", &secret_id)][..],
        &[MOUNT, ("BAO_ROLE_ID_FILE", &role_file), ("VAULT_SECRET_ID_FILE", &secret_file)],
        &[("VAULT_TOKEN_FILE", &token_file)],
        &[("HOME", &home)],
    ] {
        let fixture = Vault::with(bao, settings);
        let report = Secret { fixture: &fixture, id: SecretId::new("secret/team/genesys") }.rotate().await;
        assert!(report.promoted(), "{report:?}");
    }
}

#[tokio::test]
async fn a_failed_login_names_the_method_and_the_setting() {
    let Some(root) = Vault::start() else { return };
    let [role_id, _] = app_role(&root.bao).await;
    let role = ("VAULT_ROLE_ID", role_id.as_str());
    let pod = [("VAULT_KUBERNETES_ROLE", "ci"), ("VAULT_KUBERNETES_TOKEN_FILE", file!())];
    for (settings, message, hint) in [
        (&[("VAULT_TOKEN", "hush-wrong")][..], "(403: ", "expired"),
        (&[("VAULT_TOKEN", "hush\u{1}wrong")], "contains invalid characters", "VAULT_TOKEN"),
        (&[], "no Vault token", "bao login"),
        (&[("HOME", "/no/such/home")], "no Vault token", "bao login"),
        (&[MOUNT, role, ("VAULT_SECRET_ID", "hush-wrong")], "invalid role or secret ID", "VAULT_SECRET_ID"),
        (&[MOUNT, role, ("VAULT_SECRET_ID_FILE", "/no/such/file")], "/no/such/file", "VAULT_TOKEN"),
        (&[role], "AppRole login at auth/approle", "VAULT_AUTH_MOUNT"),
        (&pod, "Kubernetes login at auth/kubernetes", "VAULT_KUBERNETES_ROLE"),
    ] {
        let error = Vault::with(&root.bao, settings).refusal("secret/team/genesys").await;
        assert_eq!(error.kind(), ErrorKind::StoreDenied, "{error}");
        assert!(error.chain().contains(message), "{}", error.chain());
        assert!(error.hint().contains(hint) && !error.chain().contains("hush"), "{error}: {}", error.hint());
    }
}

/// Starts a Kubernetes API that authenticates every token as one service account; returns its URL.
async fn kubernetes() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let user = json!({"username": "system:serviceaccount:ci:rotator", "uid": "u", "groups": []});
    let review = json!({"kind": "TokenReview", "status": {"authenticated": true, "user": user}}).to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            // The request body is one JSON object, so the request ends with a brace.
            while !request.ends_with(b"}") && !request.ends_with(b"}\n") {
                match stream.read_buf(&mut request).await {
                    Ok(1..) => {}
                    _ => break,
                }
            }
            let head = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length:";
            let answer = format!("{head} {}\r\n\r\n{review}", review.len());
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    url
}

#[tokio::test]
async fn a_pod_logs_in_with_its_service_account() {
    let Some(root) = Vault::start() else { return };
    let bao = &root.bao;
    bao.put("team/genesys", DOCUMENT).await;
    bao.post("sys/auth/kubernetes", json!({"type": "kubernetes"})).await;
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate").cert.pem();
    let host = kubernetes().await;
    let config = json!({"kubernetes_host": host, "disable_local_ca_jwt": true, "token_reviewer_jwt": "a.b.c", "kubernetes_ca_cert": certificate});
    bao.post("auth/kubernetes/config", config).await;
    bao.post("sys/policies/acl/rotator", json!({ "policy": ROTATOR })).await;
    let bound = json!({"bound_service_account_names": "rotator", "bound_service_account_namespaces": "ci", "token_policies": "rotator"});
    bao.post("auth/kubernetes/role/ci", bound).await;
    let claims = json!({
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "ci",
        "kubernetes.io/serviceaccount/service-account.name": "rotator",
        "kubernetes.io/serviceaccount/service-account.uid": "u",
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = [part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()), part("signature")].join(".");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{token}\n")).expect("the file is written");
    let path = file.path().display().to_string();
    let settings = [("VAULT_KUBERNETES_ROLE", "ci"), ("VAULT_KUBERNETES_TOKEN_FILE", path.as_str())];
    let fixture = Vault::with(bao, &settings);
    let report = Secret { fixture: &fixture, id: SecretId::new("secret/team/genesys") }.rotate().await;
    assert!(report.promoted(), "{report:?}");
}

#[tokio::test]
async fn a_ci_job_logs_in_with_the_jwt_that_its_system_issued() {
    let Some(root) = Vault::start() else { return };
    let bao = &root.bao;
    bao.put("team/genesys", DOCUMENT).await;
    bao.post("sys/auth/jwt", json!({"type": "jwt"})).await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let config = json!({"jwt_validation_pubkeys": [key.public_key_pem()], "jwt_supported_algs": ["EdDSA"]});
    bao.post("auth/jwt/config", config).await;
    bao.post("sys/policies/acl/rotator", json!({ "policy": ROTATOR })).await;
    let bound = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": "rotator",
    });
    bao.post("auth/jwt/role/ci", bound).await;
    let token = |audience: &str| {
        let claims = json!({"sub": "project:team", "aud": audience, "exp": 4_102_444_800_u64, "nbf": 1, "iat": 1});
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = [part(br#"{"alg":"EdDSA","typ":"JWT"}"#), part(claims.to_string().as_bytes())].join(".");
        let signature = rcgen::SigningKey::sign(&key, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", part(&signature))
    };
    let good = token("vault");
    let fixture = Vault::with(bao, &[("VAULT_JWT_ROLE", "ci"), ("VAULT_JWT", &good)]);
    let report = Secret { fixture: &fixture, id: SecretId::new("secret/team/genesys") }.rotate().await;
    assert!(report.promoted(), "{report:?}");
    let other = token("elsewhere");
    let error =
        Vault::with(bao, &[("VAULT_JWT_ROLE", "ci"), ("VAULT_JWT", &other)]).refusal("secret/team/genesys").await;
    assert!(error.chain().contains("rejected the JWT login at auth/jwt"), "{}", error.chain());
    assert!(error.hint().contains("VAULT_JWT_ROLE") && !error.chain().contains(&other), "{}", error.hint());
}

/// Waits until no token but those of `root` remains.
async fn until_tokens_expire(bao: &Bao, remaining: usize) {
    until("the token has expired", async || {
        let listed = bao.call("LIST", "auth/token/accessors", Value::Null).await.1;
        listed["data"]["keys"].as_array().is_some_and(|keys| keys.len() == remaining)
    })
    .await;
}

async fn tokens(bao: &Bao) -> usize {
    let listed = bao.call("LIST", "auth/token/accessors", Value::Null).await.1;
    listed["data"]["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn an_expired_login_is_repeated() {
    let Some(root) = Vault::start() else { return };
    let bao = &root.bao;
    bao.put("team/genesys", DOCUMENT).await;
    let [role_id, secret_id] = app_role(bao).await;
    bao.post("auth/machines/role/rotator", json!({"token_ttl": "2s", "token_max_ttl": "2s"})).await;
    let before = tokens(bao).await;
    let settings = [MOUNT, ("VAULT_ROLE_ID", role_id.as_str()), ("VAULT_SECRET_ID", secret_id.as_str())];
    let fixture = Vault::with(bao, &settings);
    let id = SecretId::new("secret/team/genesys");
    fixture.store().describe(&id).await.expect("the first login");
    until_tokens_expire(bao, before).await;
    let reads = || fixture.store().describe(&id);
    let (first, second) = tokio::join!(reads(), reads());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(tokens(bao).await <= before + 1, "both calls share one login");
    until_tokens_expire(bao, before).await;
    let report = Secret { fixture: &fixture, id: id.clone() }.rotate().await;
    assert!(report.promoted(), "{report:?}");
    // A denial of a valid token does not log in again.
    until_tokens_expire(bao, before).await;
    assert_eq!(fixture.refusal("secret/other").await.kind(), ErrorKind::StoreDenied);
    assert!(tokens(bao).await <= before + 1);
    // Another login is not possible.
    bao.post("auth/machines/role/rotator/secret-id/destroy", json!({ "secret_id": secret_id })).await;
    until_tokens_expire(bao, before).await;
    let error = fixture.refusal("secret/team/genesys").await;
    assert_eq!(error.kind(), ErrorKind::StoreDenied);
    assert!(error.to_string().contains("AppRole login") && error.hint().contains("VAULT_SECRET_ID"), "{error}");
}

#[tokio::test]
async fn an_expired_token_is_reported_and_read_again_from_its_file() {
    let Some(root) = Vault::start() else { return };
    let bao = &root.bao;
    bao.put("team/genesys", DOCUMENT).await;
    bao.post("sys/policies/acl/rotator", json!({ "policy": ROTATOR })).await;
    let before = tokens(bao).await;
    let short = bao.call("POST", "auth/token/create", json!({"policies": ["rotator"], "ttl": "1s"})).await.1;
    let short = short["auth"]["client_token"].as_str().expect("a token").to_owned();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &short).expect("the file is written");
    let path = file.path().display().to_string();
    let from_file = Vault::with(bao, &[("VAULT_TOKEN_FILE", &path)]);
    let fixed = Vault::with(bao, &[("VAULT_TOKEN", &short)]);
    let id = SecretId::new("secret/team/genesys");
    for vault in [&from_file, &fixed] {
        vault.store().describe(&id).await.expect("the token is valid");
    }
    until_tokens_expire(bao, before).await;
    for vault in [&from_file, &fixed] {
        let error = vault.refusal("secret/team/genesys").await;
        assert_eq!(error.kind(), ErrorKind::StoreDenied);
        assert!(error.to_string().contains("rejects the token") && error.to_string().contains("(403: "), "{error}");
        assert!(error.hint().contains("bao login") && error.hint().contains("expired"), "{}", error.hint());
        assert!(!error.chain().contains(&short), "{}", error.chain());
    }
    // Vault Agent and `bao login` write a new token to the file.
    std::fs::write(file.path(), bao.token(ROTATOR).await).expect("the file is written");
    from_file.store().describe(&id).await.expect("the new token is valid");
}
