//! Compares the runbook with the error names of the code and the log fields of the function.

use std::collections::BTreeSet;

use genesys_rotator::rotation::ErrorKind;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use simulators::{Simulation, SimulationSettings};

use crate::page::Page;

const PAGE: &str = "docs/runbook.md";
/// The error that only `check` reports.
const OF_CHECK: &str = "TokenLifeTooShort";

/// Every text between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Sends a request in the format of an AWS SDK. The simulator does not verify the signature.
async fn secrets_manager(simulation: &Simulation, action: &str, body: Value) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request =
        client.post(simulation.secrets_manager_url()).header("X-Amz-Target", format!("secretsmanager.{action}"));
    let scope =
        "Credential=AKIDEXAMPLE/20260102/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=00";
    let request = request.header("Authorization", format!("AWS4-HMAC-SHA256 {scope}"));
    let answer = request.header(CONTENT_TYPE, "application/x-amz-json-1.1").body(body.to_string()).send().await;
    let answer = answer.expect("an answer");
    assert!(answer.status().is_success(), "{action}: {}", answer.text().await.unwrap_or_default());
}

#[test]
fn every_error_has_a_section_and_every_section_an_error() {
    let page = Page::read(PAGE);
    let headings = page.headings();
    let errors = headings.iter().skip_while(|(_, heading)| *heading != "Errors").skip(1);
    let sections: Vec<_> = errors.take_while(|(depth, _)| *depth == 3).map(|(_, heading)| *heading).collect();
    let names: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.name()).chain([OF_CHECK]).collect();
    assert_eq!(sections, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_logs_the_fields_of_the_queries() {
    let function = Some(env!("CARGO_BIN_EXE_genesys-rotator-lambda").into());
    let clients = vec![("my-id".to_owned(), "my-secret".to_owned())];
    let settings = SimulationSettings { clients, function, ..SimulationSettings::default() };
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    for (name, secret) in [("right", "my-secret"), ("wrong", "not-mine")] {
        let document = json!({"region": "mypurecloud.ie", "client_id": "my-id", "client_secret": secret}).to_string();
        let token = uuid::Uuid::new_v4().to_string();
        let create = json!({"Name": name, "SecretString": document, "ClientRequestToken": token});
        secrets_manager(&simulation, "CreateSecret", create).await;
        let token = uuid::Uuid::new_v4().to_string();
        let rotate = json!({
            "SecretId": name, "ClientRequestToken": token,
            "RotationLambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator",
            "RotationRules": {"ScheduleExpression": "rate(4 hours)"},
        });
        secrets_manager(&simulation, "RotateSecret", rotate).await;
        simulation.secrets_manager.settled().await;
    }
    let logs = simulation.function.as_ref().expect("a function").logs();
    let lines = logs.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let logged: BTreeSet<_> =
        lines.filter_map(|line| Some(line.as_object()?.keys().cloned().collect::<Vec<_>>())).flatten().collect();
    let page = Page::read(PAGE);
    for block in page.blocks.iter().filter(|block| block.kind == "text") {
        let query = block.lines.join("\n");
        for field in quoted(&query).into_iter().chain(["message", "duration_ms"]) {
            assert!(logged.contains(field), "{field} is in no log line: {logged:?}");
        }
    }
}
