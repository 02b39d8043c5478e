//! `doctor`: what the services answer, compared with what the rotation handles.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};
use simulators::cxone::CxoneSettings;
use simulators::faults::{Effect, Fault};
use simulators::genesys::{ExpiresIn, GenesysSettings};

use super::bao::signal;
use super::{SECOND, Scene, Transcript, cxone, write};

const NAME: &str = "prod/genesys";
const PREFIX: &str = "genesys-rotator-doctor/";

fn report(transcript: &Transcript) -> Value {
    transcript.json().into_iter().next().expect("a report")
}

/// What was seen of a fact.
fn seen<'a>(report: &'a Value, fact: &str) -> Option<&'a str> {
    let facts = report["observations"].as_array().expect("a list");
    facts.iter().find(|one| one["fact"] == fact)?["seen"].as_str()
}

fn differing(report: &Value) -> Vec<&str> {
    let facts = report["observations"].as_array().expect("a list").iter();
    facts.filter(|one| one["ok"] == false).map(|one| one["fact"].as_str().expect("a name")).collect()
}

impl Scene {
    async fn secrets(&self) -> Vec<String> {
        let listed = self.aws.list_secrets().send().await.expect("a list");
        listed.secret_list().iter().filter_map(|secret| secret.name().map(str::to_owned)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_services_answer_as_expected_and_nothing_is_left() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let before = (scene.simulation.genesys.live_tokens(), scene.current(NAME));
    let transcript = scene.run(&["doctor", NAME, "--live", "--output", "json"]).await;
    let report = report(&transcript);
    assert_eq!((transcript.exit, differing(&report)), (Some(0), vec![]), "{}", transcript.stdout);
    assert_eq!(seen(&report, "secrets-manager.put-another-value"), Some("ResourceExistsException"));
    assert_eq!(seen(&report, "genesys-cloud.users-me"), Some("400 not.a.user"));
    assert_eq!(seen(&report, "genesys-cloud.revoked-token"), Some("rejected at once"));
    assert_eq!((scene.simulation.genesys.live_tokens(), scene.current(NAME)), before);
    assert_eq!(scene.secrets().await, [NAME]);
    let text = scene.run(&["doctor", NAME, "--live"]).await.stdout;
    assert!(text.ends_with("facts observed, 0 differ\n") && !text.contains("differs"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_property_that_is_not_known_for_certain_is_reported_and_expected() {
    type Turn = fn(&mut GenesysSettings);
    let rows: [(Turn, &str, &str); 9] = [
        (|knobs| knobs.expires_in = ExpiresIn::Text, "genesys-cloud.token.expires_in", "a text"),
        (|knobs| knobs.token_type = "Bearer".to_owned(), "genesys-cloud.token.token_type", "Bearer"),
        (|knobs| knobs.correlation_headers.clear(), "genesys-cloud.correlation-id", "absent"),
        (|knobs| knobs.head_token_status = 204, "genesys-cloud.tokens-me.head", "204"),
        (|knobs| knobs.delete_token_status = 204, "genesys-cloud.revocation", "204"),
        (|knobs| knobs.requests_per_minute = None, "genesys-cloud.rate-limit-headers", "absent"),
        (|knobs| knobs.idle_timeout = Some(900), "genesys-cloud.tokens-me.dateTokenIdles", "present"),
        (|_| (), "genesys-cloud.tokens-timeout", "200"),
        (|_| (), "genesys-cloud.oauth-client", "200 without its secret"),
    ];
    for (turn, fact, expected) in rows {
        let scene = Scene::new().await;
        scene.simulation.genesys.set(turn);
        let (_, typed) = scene.file("token.json");
        let transcript = scene.run(&["doctor", &typed, "--live", "--output", "json"]).await;
        let report = report(&transcript);
        assert_eq!((transcript.exit, seen(&report, fact)), (Some(0), Some(expected)), "{}", transcript.stdout);
        assert_eq!(seen(&report, "secrets-manager.move-current"), None, "the secret is a file");
        assert!(scene.simulation.genesys.live_tokens().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_cxone_tokens_is_reported_and_expected() {
    type Turn = fn(&mut CxoneSettings);
    let rows: [(Turn, &str, &str); 5] = [
        (|_| (), "cxone.token.access_token", "names the tenant"),
        (|knobs| knobs.tenant_in_tokens = false, "cxone.token.access_token", "a JWT without the tenant"),
        (|knobs| knobs.opaque_tokens = true, "cxone.token.access_token", "no JWT"),
        (|knobs| knobs.id_tokens = false, "cxone.token.id_token", "absent"),
        (|knobs| knobs.client_refusal_status = 400, "cxone.token.unknown-client", "400"),
    ];
    for (turn, fact, expected) in rows {
        let scene = Scene::new().await;
        scene.simulation.cxone.set(turn);
        let document = cxone::document(cxone::CLIENT, cxone::KEY).to_string();
        let typed = format!("file:{}", write(scene.directory.path(), "cxone.json", &document).display());
        let transcript = scene.run(&["doctor", &typed, "--live", "--output", "json"]).await;
        let report = report(&transcript);
        assert_eq!((transcript.exit, seen(&report, fact)), (Some(0), Some(expected)), "{}", transcript.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_rotation_does_not_handle_is_marked_and_exits_1() {
    let scene = Scene::new().await;
    scene.simulation.genesys.set(|knobs| knobs.token_owner = Some("another-client".to_owned()));
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["doctor", &typed, "--live"]).await;
    assert_eq!(transcript.exit, Some(1), "{}", transcript.stdout);
    let line = transcript.stdout.lines().find(|line| line.starts_with("genesys-cloud.tokens-me.client"));
    assert!(line.is_some_and(|line| line.contains("another or none (differs)")), "{}", transcript.stdout);
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the token is revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_the_token_is_revoked_and_the_secret_deleted() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    scene.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Drop));
    scene.simulation.faults.add(Fault::always("DescribeSecret", Effect::Drop).after(2));
    let transcript = scene.run(&["doctor", NAME, "--live", "--output", "json"]).await;
    assert_eq!((transcript.exit, report(&transcript)["errors"].as_array().map(Vec::len)), (Some(1), Some(2)));
    scene.simulation.faults.clear();
    assert!(scene.simulation.genesys.live_tokens().is_empty());
    assert_eq!(scene.secrets().await, [NAME]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_creation_was_not_answered_is_deleted() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    scene.simulation.faults.add(Fault::once("CreateSecret", Effect::LoseAnswer));
    let transcript = scene.run(&["doctor", NAME, "--live", "--output", "json"]).await;
    assert_eq!(
        (transcript.exit, report(&transcript)["errors"][0]["type"].as_str()),
        (Some(1), Some("StoreUnavailable"))
    );
    assert_eq!(scene.secrets().await, [NAME]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_leaves_no_token_and_no_secret() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    scene.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Delay(60 * SECOND)));
    scene.simulation.faults.add(Fault::once("UpdateSecretVersionStage", Effect::Delay(SECOND)));
    let mut command = scene.command(&["doctor", NAME, "--live"]);
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    while scene.simulation.journal.count("UpdateSecretVersionStage") == 0 || scene.simulation.genesys.minted() == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    signal(child.id(), "INT");
    let exit = tokio::task::spawn_blocking(move || {
        let mut stderr = String::new();
        child.stderr.take().expect("the stream is piped").read_to_string(&mut stderr).expect("the output is UTF-8");
        (child.wait().expect("the process exits").code(), stderr)
    });
    let (exit, stderr) = exit.await.expect("the task completes");
    assert!(exit == Some(1) && stderr.contains("doctor was interrupted"), "{stderr}");
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "{stderr}");
    assert_eq!(scene.secrets().await, [NAME]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_live_nothing_is_sent() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    scene.simulation.journal.clear();
    let transcript = scene.run(&["doctor", NAME]).await;
    assert_eq!((transcript.exit, scene.simulation.journal.calls().len()), (Some(0), 0));
    assert!(transcript.stdout.contains(PREFIX), "{}", transcript.stdout);
    assert_eq!(json!(transcript.stderr), json!(""));
}
