//! Configs of NICE CXone and their tokens.

use serde_json::{Value, json};

use crate::hosted::Hosted;
use crate::scene::{CXONE_CLIENT, CXONE_KEY, Scene, config};

const TENANT: &str = "GET /.well-known/cxone-configuration";

fn back_end() -> Value {
    json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "client_id": CXONE_CLIENT.0,
        "client_secret": CXONE_CLIENT.1, "access_key_id": CXONE_KEY.0, "access_key_secret": CXONE_KEY.1,
    })
}

fn user_hub() -> Value {
    json!({
        "platform": "nice-cxone", "area": "na1", "access_key_id": CXONE_KEY.0, "access_key_secret": CXONE_KEY.1,
    })
}

fn older() -> Value {
    json!({
        "platform": "nice-cxone", "realm": "us-22", "client_id": CXONE_CLIENT.0, "client_secret": CXONE_CLIENT.1,
    })
}

#[tokio::test]
async fn each_form_of_a_config_is_validated_and_read_without_its_secrets() {
    let hosted = Hosted::empty().await;
    for (minted, form) in [back_end(), user_hub(), older()].into_iter().enumerate() {
        hosted.write("config/cxone", form.clone()).await;
        assert_eq!(hosted.simulation.cxone.minted(), minted + 1, "the credentials were validated");
        let mut shown = form;
        let fields = shown.as_object_mut().expect("an object");
        fields.retain(|name, _| !name.ends_with("_secret"));
        fields.insert("allowed_roles".to_owned(), json!(["*"]));
        assert_eq!(hosted.read("config/cxone").await, shown, "no field of the former form is left");
    }
    let message = hosted.rejected("write", "config/cxone", config()).await;
    assert!(message.contains("the platform nice-cxone has no field region"), "{message}");
    let mut genesys = config();
    genesys["platform"] = json!("genesys-cloud");
    hosted.write("config/cxone", genesys).await;
    let data = hosted.read("config/cxone").await;
    assert_eq!((&data["platform"], &data["realm"]), (&json!("genesys-cloud"), &Value::Null));
}

#[tokio::test]
async fn a_write_merges_with_the_stored_config() {
    let hosted = Hosted::empty().await;
    hosted.write("config/cxone", back_end()).await;
    let tenant_id = hosted.simulation.cxone.settings().tenant_id;
    hosted.write("config/cxone", json!({"tenant_id": tenant_id})).await;
    assert_eq!(hosted.simulation.cxone.minted(), 2, "both secrets were kept");
    let message = hosted.rejected("write", "config/cxone", json!({"access_key_secret": "hush-hush-wrong"})).await;
    assert!(message.contains("CredentialsRejected") && !message.contains("hush-hush"), "{message}");
}

#[tokio::test]
async fn invalid_requests_get_400_with_a_message_and_a_hint() {
    let hosted = Hosted::empty().await;
    let with = |mut form: Value, name: &str, value: &str| {
        form[name] = json!(value);
        form
    };
    for (body, words) in [
        (json!({"platform": "nice-cxone"}), "the config holds no client credentials"),
        (json!({"platform": "nice-cxone", "access_key_id": "k", "area": "na1"}), "no access key secret"),
        (json!({"platform": "nice-cxone", "access_key_id": "k", "access_key_secret": "hush-hush"}), "names no area"),
        (with(back_end(), "area", "na1"), "exclude each other"),
        (with(user_hub(), "area", "evil.example/"), "evil.example"),
        (with(back_end(), "issuer", "https://evil.example"), "https://cxone.niceincontact.com"),
        (with(older(), "realm", "us-22.evil.example"), "two letters"),
        (with(user_hub(), "access_key_secret", "hush-hush\n"), "whitespace"),
        (with(back_end(), "tenant_id", "a&b"), "tenant_id"),
    ] {
        let message = hosted.rejected("write", "config/cxone", body.clone()).await;
        assert!(message.contains(words) && !message.contains("hush-hush"), "{body}: {message}");
    }
    assert_eq!(hosted.simulation.cxone.minted(), 0);
}

#[tokio::test]
async fn opaque_tokens_are_returned_with_the_address_of_their_tenant_s_api() {
    let hosted = Hosted::empty().await;
    hosted.simulation.cxone.set(|settings| settings.opaque_tokens = true);
    hosted.write("config/cxone", back_end()).await;
    hosted.write("roles/ci", json!({"config": "cxone"})).await;
    hosted.write("static-roles/ci", json!({"config": "cxone", "rotation_period": 1_800})).await;
    for path in ["creds/ci", "token/ci", "token/ci", "static-creds/ci"] {
        assert_eq!(hosted.read(path).await["api_url"], hosted.simulation.genesys_url(), "{path}");
    }
}

#[tokio::test]
async fn roles_return_tokens_that_live_an_hour() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/cxone", back_end()).await;
    scene.write("roles/ci", json!({"config": "cxone"})).await;
    scene.write("static-roles/ci", json!({"config": "cxone", "rotation_period": 1_800})).await;
    let leased = scene.read("creds/ci").await;
    assert!(leased["lease_duration"].as_u64().is_some_and(|seconds| (3_500..=3_600).contains(&seconds)), "{leased}");
    let shared = scene.read("token/ci").await;
    assert_eq!(scene.read("token/ci").await["data"]["access_token"], shared["data"]["access_token"]);
    let kept = scene.read("static-creds/ci").await;
    let live = scene.simulation.cxone.live_tokens();
    for answer in [&leased, &shared, &kept] {
        assert!(live.iter().any(|token| answer["data"]["access_token"] == token.as_str()), "{answer}");
        assert_eq!(answer["data"]["api_url"], scene.simulation.genesys_url());
    }
    assert_eq!(scene.simulation.journal.count(TENANT), 1, "the API address was discovered once");
    assert_eq!(
        scene.revoke(&leased["lease_id"]).await.0,
        204,
        "the lease ends, although CXone cannot revoke the token"
    );
    assert_eq!(scene.simulation.cxone.live_tokens().len(), live.len());
    let rotated = scene.call("POST", "rotate-role/ci", json!({})).await;
    assert!(rotated.0 == 200 || rotated.0 == 204, "{rotated:?}");
    assert_ne!(scene.read("static-creds/ci").await["data"]["access_token"], kept["data"]["access_token"]);
}
