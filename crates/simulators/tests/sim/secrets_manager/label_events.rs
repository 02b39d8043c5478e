//! The events that the service sends to EventBridge.

use super::{Simulator, id};

/// The label and the last digit of the version of each event.
fn events(simulator: &Simulator) -> Vec<String> {
    let events = simulator.service.label_events().into_iter();
    let text = |event: &serde_json::Value, name: &str| event["detail"][name].as_str().expect("text").to_owned();
    events.map(|event| format!("{} {}", text(&event, "labelUpdated"), &text(&event, "versionId")[35..])).collect()
}

#[tokio::test]
async fn an_event_has_the_documented_fields() {
    let simulator = Simulator::start().await.with_secret().await;
    let [event] = &simulator.service.label_events()[..] else { panic!("one event") };
    let secret = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    let time = event["time"].as_str().expect("a time");
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
    assert_eq!(event["id"].as_str().map(str::len), Some(36));
    let expected = serde_json::json!({
        "version": "0", "id": event["id"], "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
        "account": "000000000000", "time": time, "region": "us-east-1", "resources": [secret.arn()],
        "detail": { "name": "s", "labelUpdated": "AWSCURRENT", "versionId": id(1) },
    });
    assert_eq!(*event, expected);
}

#[tokio::test]
async fn every_label_that_moves_is_an_event_except_pending_and_previous() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &["AWSPENDING"]).await;
    simulator.put(3, "three", &["AWSPENDING", "OURS"]).await;
    // A repeated write moves nothing.
    simulator.put(3, "three", &["AWSPENDING", "OURS"]).await;
    simulator.put(4, "four", &[]).await;
    let update = |label: &str| simulator.client.update_secret_version_stage().secret_id("s").version_stage(label);
    let back = update("AWSCURRENT").remove_from_version_id(id(4)).move_to_version_id(id(1));
    back.send().await.expect("it moves");
    update("AWSCURRENT").move_to_version_id(id(1)).send().await.expect("no change");
    update("OURS").remove_from_version_id(id(3)).send().await.expect("it is removed");
    assert_eq!(events(&simulator), ["AWSCURRENT 1", "OURS 3", "AWSCURRENT 4", "AWSCURRENT 1"]);
}
