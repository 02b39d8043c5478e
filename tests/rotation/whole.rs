use super::*;
use jiff::Timestamp;
use simulators::faults::{Effect, Fault};

/// Secrets Manager's own calls in one rotation, as the function makes them.
const STORE_CALLS: [(&str, usize); 4] =
    [("DescribeSecret", 4), ("GetSecretValue", 5), ("PutSecretValue", 1), ("UpdateSecretVersionStage", 1)];
const PLATFORM_CALLS: [(&str, usize); 3] =
    [("POST /oauth/token", 1), ("GET /api/v2/users/me", 1), ("GET /api/v2/tokens/me", 1)];

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the function goes by the machine's clock, and so does this")]
async fn a_rotation_promotes_a_working_token() {
    let world = World::with_secret().await;
    let before = Timestamp::now();
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");

    let current = world.current();
    let token = world.current_token().expect("a token");
    assert_eq!(world.simulation.genesys.live_tokens(), [token]);
    assert_eq!(current["token_type"], "bearer");
    let issued: Timestamp = current["issued_at"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    let expires: Timestamp = current["expires_at"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    assert_eq!(expires.duration_since(issued).as_secs(), 86399);
    assert!(issued.duration_since(before).as_secs().abs() <= 60);
    assert!(world.holder("AWSPREVIOUS").is_some() && world.holder("AWSPENDING").is_none());
    world.assert_clean();
}

#[tokio::test]
async fn a_second_rotation_leaves_the_previous_token_valid_until_it_expires() {
    let world = World::with_secret().await;
    world.rotate().await;
    let first = world.current_token().expect("a token");
    assert!(world.rotate().await.succeeded);
    let second = world.current_token().expect("a token");
    assert_ne!(first, second);
    assert_eq!(world.simulation.genesys.live_tokens(), [first, second]);
    world.assert_clean();
}

#[tokio::test]
async fn a_rotation_makes_fourteen_calls_in_a_chain_of_eight() {
    let world = World::with_secret().await;
    // The first rotation opens the connections; what is slow makes overlapping calls visible.
    world.rotate().await;
    world.simulation.journal.clear();
    world.simulation.faults.add(Fault::always("*", Effect::Delay(Duration::from_millis(25))));
    world.rotate().await;
    // RotateSecret itself is ours, not the function's.
    let calls = world.simulation.journal.calls();
    let function_calls: Vec<_> = calls.iter().filter(|call| call.operation != "RotateSecret").collect();
    for (operation, expected) in STORE_CALLS.into_iter().chain(PLATFORM_CALLS) {
        assert_eq!(world.simulation.journal.count(operation), expected, "{operation}");
    }
    assert_eq!(function_calls.len(), 14);
    assert_eq!(world.simulation.journal.longest_chain() - 1, 8, "{function_calls:#?}");
}

#[tokio::test]
async fn unknown_fields_keep_their_bytes_and_their_order() {
    let world = World::new().await;
    let text = format!(
        r#"{{"zebra": 1e400, "client_id": "{CLIENT_ID}", "big": 123456789012345678901234567890,
            "nested": {{"b": 1, "a": [1.0, null, "é\u00e9"]}}, "client_secret": "{CLIENT_SECRET}", "region": "EU-WEST-1", "alpha": true}}"#
    );
    world.create_text(SECRET, &text).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    let value = world.holder("AWSCURRENT").and_then(|version| version.value).expect("a value");
    let kept = format!(
        r#"{{"zebra":1e400,"client_id":"{CLIENT_ID}","big":123456789012345678901234567890,"nested":{{"b": 1, "a": [1.0, null, "é\u00e9"]}},"client_secret":"{CLIENT_SECRET}","region":"EU-WEST-1","alpha":true,"access_token":"#
    );
    assert!(value.starts_with(&kept), "the fields moved or changed");
}

#[tokio::test]
async fn every_accepted_credential_field_name_is_read_and_kept() {
    for (id, secret, region) in [
        ("clientId", "clientSecret", "region"),
        ("GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYSCLOUD_REGION"),
        ("GENESYS_CLOUD_CLIENT_ID", "GENESYS_CLOUD_CLIENT_SECRET", "GENESYS_CLOUD_REGION"),
    ] {
        let world = World::new().await;
        world.create(SECRET, &json!({id: CLIENT_ID, secret: CLIENT_SECRET, region: "mypurecloud.de"})).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
        let current = world.current();
        assert_eq!(
            (&current[id], &current[secret], &current["client_id"]),
            (&json!(CLIENT_ID), &json!(CLIENT_SECRET), &Value::Null)
        );
    }
}

#[tokio::test]
async fn readers_of_the_token_need_not_see_the_client_secret() {
    let world = World::new().await;
    world.create("genesys/credentials", &document()).await;
    world.create(SECRET, &json!({"credentials": "genesys/credentials"})).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    let value = world.current().to_string();
    assert!(value.contains("access_token") && !value.contains(CLIENT_SECRET));
    world.assert_clean();
}

#[tokio::test]
async fn probes_run_before_readers_get_the_token() {
    let world = World::new().await;
    let mut probed = document();
    probed["probes"] = json!(["GET /api/v2/routing/skills?pageSize=1", "GET /api/v2/users?pageSize=1"]);
    world.create(SECRET, &probed).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(world.simulation.journal.count("GET /api/v2/routing/skills"), 1);
    assert_eq!(world.simulation.journal.count("GET /api/v2/users"), 1);
}

#[tokio::test]
async fn each_event_has_one_log_line_and_its_metrics() {
    let world = World::with_secret().await;
    world.rotate().await;
    let lines: Vec<Value> = world.logs().iter().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let steps: Vec<_> = lines.iter().filter_map(|line| line["rotation.step"].as_str()).collect();
    assert_eq!(steps, ["createSecret", "setSecret", "testSecret", "finishSecret"]);
    for line in lines.iter().filter(|line| line["rotation.step"].is_string()) {
        assert!(line["duration_ms"].is_u64() && line["secret.id"].is_string() && line["request.id"].is_string());
    }
    let metric = |name: &str| lines.iter().filter(|line| line["_aws"].is_object() && !line[name].is_null()).count();
    assert_eq!((metric("StepDuration"), metric("Successes"), metric("Failures")), (4, 4, 0));
    assert_eq!((metric("TokenLifeLeft"), metric("TokenLifeShorterThanSchedule")), (1, 1));
}

#[tokio::test]
async fn a_token_that_ends_before_the_next_rotation_is_promoted_with_a_warning() {
    let world = World::with_secret().await;
    world.simulation.genesys.set(|settings| settings.token_lifetime = 3600);
    assert!(world.rotate().await.succeeded);
    let logs = world.logs().join("\n");
    assert!(logs.contains(r#""level":"WARN""#) && logs.contains(r#""TokenLifeShorterThanSchedule":1"#), "{logs}");
}

#[tokio::test]
async fn a_failure_is_counted_by_its_type() {
    let world = World::with_secret().await;
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let outcome = world.rotate().await;
    assert!(!outcome.succeeded);
    let logs = world.logs().join("\n");
    assert!(logs.contains(r#""ErrorType":"TokenRejected""#) && logs.contains(r#""Failures":1"#), "{logs}");
    assert_eq!(world.current_token(), None, "readers still get what they had");
    world.assert_clean();
}
