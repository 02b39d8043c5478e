//! Secrets that hold credentials of NICE CXone.

use super::bad_input::failure_of;
use super::*;
use reqwest::StatusCode;
use simulators::cxone::ExpiresIn;
use simulators::faults::{Effect, Fault, FaultAnswer};

pub const CLIENT: (&str, &str) = ("back-end@nice", "hush-hush-cxone-application-0123456789");
pub const KEY: (&str, &str) = ("HUSHLESSACCESSKEYID====", "HUSHHUSHACCESSKEYSECRET0123456789====");
const OPENID: &str = "GET /.well-known/openid-configuration";
const TENANT: &str = "GET /.well-known/cxone-configuration";
const TOKEN: &str = "POST /auth/token";
const USER_HUB_TOKEN: &str = "POST /authentication/v1/token/access-key";
const OLDER_TOKEN: &str = "POST /oauth/token";
const BUSINESS_UNIT: &str = "GET /incontactapi/services/v27.0/business-unit";

/// How the access key's secret stands in a form.
pub fn encoded_key() -> String {
    KEY.1.replace('=', "%3D")
}

pub fn back_end() -> Value {
    json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "client_id": CLIENT.0,
        "client_secret": CLIENT.1, "access_key_id": KEY.0, "access_key_secret": KEY.1, "ours": 1,
    })
}

fn user_hub() -> Value {
    json!({"platform": "nice-cxone", "area": "na1", "access_key_id": KEY.0, "access_key_secret": KEY.1})
}

fn older() -> Value {
    json!({
        "platform": "nice-cxone", "realm": "us-22", "client_id": CLIENT.0, "client_secret": CLIENT.1,
    })
}

/// A form's document, and the calls of one rotation of it to the platform.
fn forms() -> [(Value, &'static [&'static str]); 3] {
    [
        (back_end(), &[OPENID, TOKEN, TENANT, BUSINESS_UNIT]),
        (user_hub(), &[USER_HUB_TOKEN, TENANT, BUSINESS_UNIT]),
        (older(), &[OLDER_TOKEN, BUSINESS_UNIT]),
    ]
}

pub fn with(mut document: Value, name: &str, value: impl Into<Value>) -> Value {
    document[name] = value.into();
    document
}

fn without(mut document: Value, name: &str) -> Value {
    document.as_object_mut().expect("an object").remove(name);
    document
}

fn answer(status: u16, body: &Value) -> Effect {
    Effect::Answer(FaultAnswer::new(
        StatusCode::from_u16(status).expect("a status"),
        "application/json",
        body.to_string(),
    ))
}

fn page(status: u16) -> Effect {
    let status = StatusCode::from_u16(status).expect("a status");
    Effect::Answer(FaultAnswer::new(status, "text/html", "<html><body>Welcome to the hotel</body></html>"))
}

/// Everything that a failed rotation may not have done.
fn assert_nothing_was_sent(world: &World, operations: &[&str]) {
    for operation in operations {
        assert_eq!(world.simulation.journal.count(operation), 0, "{operation}");
    }
}

#[tokio::test]
async fn each_form_of_credentials_becomes_a_working_token() {
    for (document, calls) in forms() {
        let world = World::new().await;
        world.create(SECRET, &document).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{document}: {outcome:?}");
        let token = world.current_token().expect("a token");
        assert_eq!(world.simulation.cxone.live_tokens(), [token]);
        assert_eq!((&world.current()["token_type"], &world.current()["ours"]), (&json!("Bearer"), &document["ours"]));
        for operation in calls {
            assert_eq!(world.simulation.journal.count(operation), 1, "{operation}");
        }
        world.assert_clean();
    }
}

#[tokio::test]
async fn what_was_discovered_is_not_asked_for_again() {
    let world = World::new().await;
    world.create(SECRET, &back_end()).await;
    for _ in 0..2 {
        assert!(world.rotate().await.succeeded);
    }
    assert_eq!((world.simulation.journal.count(OPENID), world.simulation.journal.count(TENANT)), (1, 1));
    assert_eq!(world.simulation.cxone.live_tokens().len(), 2, "the former token lives until it expires");
    world.assert_clean();
}

#[tokio::test]
async fn keys_may_be_in_another_secret_and_the_place_in_either() {
    let keys = json!({"clientId": CLIENT.0, "clientSecret": CLIENT.1, "accessKeyId": KEY.0, "accessKeySecret": KEY.1});
    let whole = with(with(keys.clone(), "platform", "nice-cxone"), "issuer", "cxone.niceincontact.com");
    let issuer = json!({"platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com"});
    for (elsewhere, here) in [(keys, issuer), (whole, json!({}))] {
        let world = World::new().await;
        world.create("cxone/keys", &elsewhere).await;
        world.create(SECRET, &with(here, "credentials", "cxone/keys")).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
        assert!(!world.current().to_string().contains(KEY.1));
        world.assert_clean();
    }
}

#[tokio::test]
async fn the_lifetime_of_a_token_comes_from_the_answer_or_the_token() {
    for spelt in [ExpiresIn::Text, ExpiresIn::Missing] {
        let world = World::new().await;
        world.simulation.cxone.set(|settings| settings.expires_in = spelt);
        world.create(SECRET, &back_end()).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{spelt:?}: {outcome:?}");
        let time = |name: &str| world.current()[name].as_str().and_then(|text| text.parse().ok());
        let (issued, expires): (jiff::Timestamp, _) =
            (time("issued_at").expect("a time"), time("expires_at").expect("a time"));
        assert!((3_590..=3_600).contains(&expires.duration_since(issued).as_secs()), "{spelt:?}");
        let logs = world.logs().join("\n");
        assert!(logs.contains("a CXone token lives one hour"), "it cannot last four hours: {logs}");
    }
}

#[tokio::test]
async fn a_token_without_an_end_is_not_stored() {
    let world = World::new().await;
    world.simulation.secrets_manager.set(|settings| settings.function_timeout = Duration::from_secs(3));
    world.simulation.cxone.set(|settings| {
        settings.opaque_tokens = true;
        settings.expires_in = ExpiresIn::Missing;
    });
    let (step, _, message) = failure_of(&world, &back_end().to_string()).await;
    assert!(step == "createSecret" && message.contains("without its lifetime"), "{message}");
}

#[tokio::test]
async fn probes_go_to_the_tenants_api() {
    let world = World::new().await;
    let probes = json!(["GET /incontactapi/services/v27.0/agents?top=1"]);
    world.create(SECRET, &with(back_end(), "probes", probes)).await;
    assert!(world.rotate().await.succeeded);
    assert_eq!(world.simulation.journal.count("GET /incontactapi/services/v27.0/agents"), 1);
    let world = World::new().await;
    let probes = json!(["GET /incontactapi/services/v27.0/nothing"]);
    let (step, error_type, message) = failure_of(&world, &with(back_end(), "probes", probes).to_string()).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "ProbeFailed"), "{message}");
}

#[tokio::test]
async fn a_document_that_cannot_be_used_says_why_and_nothing_is_sent() {
    let rows = [
        (without(back_end(), "access_key_secret"), "DocumentInvalid", "no access key secret"),
        (without(back_end(), "access_key_id"), "DocumentInvalid", "no access key id"),
        (without(back_end(), "client_secret"), "DocumentInvalid", "no client secret"),
        (without(back_end(), "issuer"), "DocumentInvalid", "names no issuer"),
        (without(user_hub(), "area"), "DocumentInvalid", "names no area"),
        (without(older(), "realm"), "DocumentInvalid", "names no realm"),
        (with(back_end(), "area", "na1"), "DocumentInvalid", "exclude each other"),
        (with(back_end(), "access_key_secret", format!("{}\n", KEY.1)), "DocumentInvalid", "whitespace"),
        (with(back_end(), "access_key_secret", 7), "DocumentInvalid", "not a string"),
        (with(back_end(), "tenant_id", "a&b=c"), "DocumentInvalid", "tenant_id"),
        (with(back_end(), "issuer", "https://evil.example"), "UnknownRegion", "evil.example"),
        (with(back_end(), "issuer", "https://cxone.niceincontact.com.evil.example"), "UnknownRegion", "issuer"),
        (with(back_end(), "issuer", "http://cxone.niceincontact.com"), "UnknownRegion", "https://cxone."),
        (with(user_hub(), "area", "evil.example/"), "UnknownRegion", "na1"),
        (with(user_hub(), "area", "na3"), "UnknownRegion", "na3"),
        (with(older(), "realm", "us-22.evil.example/"), "UnknownRegion", "us-22"),
        (with(older(), "realm", "us"), "UnknownRegion", "two letters"),
    ];
    for (document, kind, words) in rows {
        let world = World::new().await;
        let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", kind), "{document}: {message}");
        assert!(message.contains(words), "{document}: {message}");
        assert_nothing_was_sent(&world, &[OPENID, TOKEN, USER_HUB_TOKEN, OLDER_TOKEN]);
    }
}

#[tokio::test]
async fn a_discovery_document_cannot_send_credentials_elsewhere() {
    for endpoint in [
        "https://evil.example/auth/token",
        "http://cxone.niceincontact.com/auth/token",
        "https://cxone.niceincontact.com.evil.example/auth/token",
        "https://evil-niceincontact.com/auth/token",
        "https://cxone.niceincontact.com@evil.example/auth/token",
        "https://cxone.niceincontact.com:8443/auth/token",
        "//evil.example/auth/token",
        "",
    ] {
        let world = World::new().await;
        world.simulation.cxone.set(|settings| settings.token_endpoint = endpoint.to_owned());
        let (step, error_type, message) = failure_of(&world, &back_end().to_string()).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "PlatformUnavailable"), "{message}");
        assert!(message.contains("not an address of NICE CXone"), "{endpoint}: {message}");
        assert_nothing_was_sent(&world, &[TOKEN]);

        let world = World::new().await;
        world.simulation.cxone.set(|settings| settings.api_endpoint = endpoint.to_owned());
        let (step, error_type, message) = failure_of(&world, &back_end().to_string()).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "PlatformUnavailable"), "{message}");
        assert!(message.contains("not an address of NICE CXone"), "{endpoint}: {message}");
        assert_nothing_was_sent(&world, &[BUSINESS_UNIT]);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for operation in [OPENID, TOKEN, TENANT, BUSINESS_UNIT] {
        let world = World::new().await;
        let redirect =
            FaultAnswer::new(StatusCode::FOUND, "text/plain", "").with_header("location", "https://evil.example/");
        world.simulation.faults.add(Fault::always(operation, Effect::Answer(redirect)));
        let (_, error_type, message) = failure_of(&world, &back_end().to_string()).await;
        assert_eq!(error_type, "PlatformUnavailable", "{operation}: {message}");
        assert!(message.contains("redirect"), "{operation}: {message}");
    }
}

#[tokio::test]
async fn each_rejection_of_the_platform_has_its_own_error() {
    let rows = [
        (with(back_end(), "client_secret", "wrong"), "CredentialsRejected", "client_id, client_secret"),
        (with(back_end(), "access_key_secret", "wrong"), "CredentialsRejected", "===="),
        (with(user_hub(), "access_key_secret", "wrong"), "CredentialsRejected", "na1.nice-incontact.com"),
        (with(older(), "client_secret", "wrong"), "CredentialsRejected", "us-22.api.niceincontact.com"),
        (with(back_end(), "tenant_id", "another-tenant"), "TokenOwnerMismatch", "another tenant"),
        (with(user_hub(), "tenant_id", "another-tenant"), "UnknownRegion", "does not know the tenant"),
    ];
    for (document, kind, words) in rows {
        let world = World::new().await;
        let (_, error_type, message) = failure_of(&world, &document.to_string()).await;
        assert_eq!(error_type, kind, "{message}");
        assert!(message.contains(words), "{message}");
    }
    let error = |code: &str| json!({"error": code, "error_description": "no"});
    let rows = [
        (back_end(), TOKEN, answer(400, &error("invalid_client")), "CredentialsRejected", "client_secret"),
        (back_end(), TOKEN, answer(400, &error("unauthorized_client")), "CredentialsRejected", "back-end"),
        (back_end(), TOKEN, answer(403, &error("forbidden")), "PermissionMissing", "user of the access key"),
        (user_hub(), USER_HUB_TOKEN, answer(400, &json!({"errorCode": "E-1"})), "CredentialsRejected", "E-1"),
        (user_hub(), USER_HUB_TOKEN, answer(404, &json!({})), "UnknownRegion", "area"),
        (older(), OLDER_TOKEN, answer(404, &json!({})), "UnknownRegion", "realm"),
        (back_end(), BUSINESS_UNIT, answer(401, &error("invalid_token")), "TokenRejected", "access key"),
        (back_end(), BUSINESS_UNIT, answer(401, &Value::Null), "TokenRejected", "401"),
        (back_end(), BUSINESS_UNIT, answer(403, &error("forbidden")), "PermissionMissing", "role"),
    ];
    for (document, operation, effect, kind, words) in rows {
        let world = World::new().await;
        world.simulation.faults.add(Fault::always(operation, effect));
        let (_, error_type, message) = failure_of(&world, &document.to_string()).await;
        assert_eq!(error_type, kind, "{operation}: {message}");
        assert!(message.contains(words), "{operation}: {message}");
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_not_promoted() {
    let document = with(back_end(), "tenant_id", "another-tenant").to_string();
    let (step, error_type, message) = failure_of(&World::new().await, &document).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "TokenOwnerMismatch"), "{message}");

    let world = World::new().await;
    world.simulation.cxone.set(|settings| settings.id_tokens = false);
    // The server at this address issues tokens of another tenant.
    let configuration = json!({"api_endpoint": "https://api-na1.niceincontact.com", "area": "na1"});
    world.simulation.faults.add(Fault::always(TENANT, answer(200, &configuration)));
    let (step, error_type, message) = failure_of(&world, &document).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "TokenOwnerMismatch"), "{message}");
}

/// Fails each call to the platform once, each in a process of its own, where nothing is known beforehand.
async fn every_call_heals_from(effect: impl Fn() -> Effect) {
    for (document, calls) in forms() {
        for operation in calls {
            let world = World::new().await;
            world.create(SECRET, &document).await;
            world.simulation.faults.add(Fault::once(operation, effect()));
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{operation}: {outcome:?}");
            assert_eq!(world.simulation.journal.count(operation), 2, "{operation} was tried again");
            let token = world.current_token().expect("a token");
            assert!(world.simulation.cxone.live_tokens().contains(&token), "{operation}");
            world.assert_clean();
        }
    }
}

#[tokio::test]
async fn a_dropped_connection_heals() {
    every_call_heals_from(|| Effect::Drop).await;
}

#[tokio::test]
async fn a_lost_answer_heals() {
    every_call_heals_from(|| Effect::LoseAnswer).await;
}

#[tokio::test]
async fn a_server_error_heals() {
    every_call_heals_from(|| answer(500, &json!({"error": "server_error"}))).await;
}

#[tokio::test]
async fn a_web_page_heals() {
    for status in [200, 401, 403, 503] {
        every_call_heals_from(|| page(status)).await;
    }
}

#[tokio::test]
async fn an_empty_answer_heals() {
    every_call_heals_from(|| Effect::Answer(FaultAnswer::new(StatusCode::OK, "application/json", ""))).await;
}

#[tokio::test]
async fn too_many_requests_heal_when_the_platform_says() {
    every_call_heals_from(|| {
        let body = json!({"error": "too_many_requests"}).to_string();
        let limited = FaultAnswer::new(StatusCode::TOO_MANY_REQUESTS, "application/json", body);
        Effect::Answer(limited.with_header("retry-after", "1"))
    })
    .await;
}

#[tokio::test]
async fn a_kill_at_any_call_heals() {
    let settings = SecretsManagerSettings {
        retries: 2,
        retry_delay: Duration::from_millis(10),
        ..SecretsManagerSettings::default()
    };
    for effect in [Effect::KillBefore, Effect::KillAfter] {
        for (document, calls) in forms() {
            for operation in calls {
                let world = World::with(settings.clone()).await;
                world.create(SECRET, &document).await;
                world.simulation.faults.add(Fault::once(operation, effect.clone()));
                let outcome = world.rotate().await;
                assert!(outcome.succeeded && outcome.failures.len() == 1, "{operation}: {outcome:?}");
                assert!(world.holder("AWSPENDING").is_none() && world.current_token().is_some(), "{operation}");
                world.assert_clean();
            }
        }
    }
}
