//! Recorded answers of AWS, read by the store of Secrets Manager. The fixture names their source and licence.

use genesys_rotator::rotation::{
    ErrorKind, SecretId, SecretStore, Staged, StoredValue, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::SecretString;
use reqwest::StatusCode;
use serde_json::Value;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::{Simulation, SimulationSettings};

use crate::aws::Aws;
use crate::fixture::{Fixture, kind_of};

const RECORDED: &str = include_str!("../../crates/simulators/tests/fixtures/secrets_manager_recorded.json");
const VERSION: &str = "00000000-0000-4000-8000-000000000002";

/// The recorded answer with values for its placeholders. `version` stands for the version of the request.
fn wire(answer: &Value, version: Option<&str>) -> String {
    let mut text = answer.to_string().replace("\"<date>\"", "1795305600.125").replace("<name>", "recorded");
    text = text.replace("<arn>", "arn:aws:secretsmanager:us-east-1:000000000000:secret:recorded-AbCdEf");
    if let Some(version) = version {
        text = text.replace(version, VERSION);
    }
    for number in 1..=9 {
        text = text.replace(&format!("<version:{number}>"), &format!("00000000-0000-4000-8000-00000000001{number}"));
    }
    text
}

/// Calls the store so that it sends `action`; `None` if it never does. Returns the kind of its error.
async fn call(fixture: &Aws<Simulation>, action: &str, request: &Value) -> Option<Option<ErrorKind>> {
    let (store, secret, version) =
        (fixture.store(), SecretId::new("recorded"), VersionId::parse(VERSION).expect("an id"));
    let value = SecretString::from("x");
    Some(match action {
        "DescribeSecret" => kind_of(store.describe(&secret).await),
        "GetSecretValue" if request.get("VersionId").is_some() => {
            kind_of(store.read(&secret, VersionSelector::Pending(&version)).await)
        }
        "GetSecretValue" => kind_of(store.read(&secret, VersionSelector::Current).await),
        "PutSecretValue" => {
            let staged = store.stage(&secret, &version, &value, None).await;
            assert!(matches!(staged, Ok(Staged::Stored) | Err(_)), "{staged:?}");
            kind_of(staged)
        }
        "UpdateSecretVersionStage" => {
            let over = StoredValue { version: Some(version.clone()), ..value.into() };
            kind_of(store.promote(&secret, &version, &over).await)
        }
        "ListSecretVersionIds" => kind_of(store.check_room(&secret).await),
        "RotateSecret" => kind_of(store.start_rotation(&secret, &version).await),
        _ => return None,
    })
}

#[tokio::test]
async fn the_store_understands_every_recorded_answer() {
    let recorded: Value = serde_json::from_str(RECORDED).expect("JSON");
    let simulation = Simulation::start(SimulationSettings::default()).await.expect("the simulators start");
    let fixture = Aws::at(&simulation.secrets_manager_url(), simulation);
    let mut read = 0;
    for scene in recorded["scenes"].as_array().expect("scenes") {
        for step in scene["steps"].as_array().expect("steps") {
            let (Some(answer), Some(action)) = (step.get("answer"), step["action"].as_str()) else { continue };
            let status = StatusCode::from_u16(step["status"].as_u64().expect("a number") as u16).expect("a status");
            let body = wire(answer, step["request"]["ClientRequestToken"].as_str());
            let fault = FaultAnswer::new(status, "application/x-amz-json-1.1", body);
            fixture.server().faults.clear();
            fixture.server().faults.add(Fault::once(action, Effect::Answer(fault)));
            let Some(kind) = call(&fixture, action, &step["request"]).await else { continue };
            let says = |text: &str| answer.to_string().contains(text);
            let expected = match action {
                _ if status.is_success() => None,
                // A version without a value, and another label than the one that was asked for.
                "GetSecretValue" => None,
                "RotateSecret" if says("No Lambda rotation function") => Some(ErrorKind::RotationDisabled),
                "RotateSecret" if says("cannot invoke") => Some(ErrorKind::StoreDenied),
                "ListSecretVersionIds" => Some(ErrorKind::SecretNotFound),
                // Requests that the store never sends: without a token.
                _ => continue,
            };
            assert_eq!(kind, expected, "{}: {step}", scene["name"]);
            read += 1;
        }
    }
    assert!(read > 50, "{read} answers");
}
