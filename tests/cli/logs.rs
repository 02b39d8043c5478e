//! Log levels, and the function's log.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use simulators::{Simulation, SimulationSettings};

use super::bao::signal;
use super::{BINARY, CLIENT_ID, CLIENT_SECRET, FUNCTION_ARN, LAMBDA, Scene, aws_client, document, output, run_with};

#[test]
fn an_unknown_level_is_refused_and_one_for_another_program_is_not() {
    for text in ["loud", "inof", "hyper", "genesys-rotator=info"] {
        let refused = run_with(&["rotate", "file:none.json"], &[("ROTATOR_LOG", text)]);
        let (error, hint) = refused.error();
        assert_eq!(refused.exit, Some(2), "{text}: {}", refused.stderr);
        assert!(error.contains("ROTATOR_LOG") && error.contains(text) && hint.contains("error, warn, info"), "{text}");
    }
    let help = run_with(&["--help"], &[("ROTATOR_LOG", "loud")]);
    assert_eq!(help.exit, Some(0), "help is always available");
    let ignored = run_with(&["completions", "bash"], &[("RUST_LOG", "[span]=info")]);
    assert_eq!((ignored.exit, ignored.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_logs_what_it_names() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    scene
        .simulation
        .faults
        .add(simulators::faults::Fault::always("DELETE /api/v2/tokens/me", simulators::faults::Effect::Hang));
    for (level, is_logged) in [("error", false), ("off", false), ("WARN", true), ("info", true)] {
        let mut command = scene.command(&["check", &typed, "--timeout", "3"]);
        command.env("ROTATOR_LOG", level);
        let done = output(command).await;
        assert_eq!(done.stderr.contains(" WARN "), is_logged, "{level}: {}", done.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_ignores_an_unknown_level_and_says_so_once() {
    let settings = SimulationSettings {
        clients: vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())],
        function: Some(LAMBDA.into()),
        function_environment: vec![("ROTATOR_LOG".to_owned(), "loud".to_owned())],
        ..SimulationSettings::default()
    };
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    let aws = aws_client(&simulation.secrets_manager_url());
    let create = aws.create_secret().name("token").secret_string(document(CLIENT_SECRET).to_string());
    create.send().await.expect("the secret is created");
    let rotate = aws.rotate_secret().secret_id("token").rotation_lambda_arn(FUNCTION_ARN);
    rotate.send().await.expect("the rotation starts");
    simulation.secrets_manager.settled().await;
    let lines = |words: &str| {
        let logs = simulation.function.as_ref().expect("a function").logs();
        logs.iter().filter(|line| line.contains(words)).count()
    };
    // The default level is INFO. The last line may arrive after the answer.
    while lines("step done") < 4 {
        tokio::time::sleep(super::SECOND / 20).await;
    }
    assert_eq!((lines("is ignored"), lines("\"level\":\"WARN\"")), (1, 1));
}

/// Runs `sim`, rotates through its function, and returns its standard error.
async fn log_of(more: &[&str]) -> String {
    let client = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let mut command = Command::new(BINARY);
    command.args([&["sim", "--client", &client, "--function", LAMBDA], more].concat()).env_clear();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a first line");
    let addresses: Value = serde_json::from_str(&line).expect("JSON");
    let aws = aws_client(addresses["secrets_manager"].as_str().expect("an address"));
    let create = aws.create_secret().name("token").secret_string(document(CLIENT_SECRET).to_string());
    create.send().await.expect("the secret is created");
    let rotate = aws.rotate_secret().secret_id("token").rotation_lambda_arn(FUNCTION_ARN);
    rotate.send().await.expect("the rotation starts");
    loop {
        let described = aws.describe_secret().secret_id("token").send().await.expect("it is described");
        let labels = described.version_ids_to_stages.unwrap_or_default();
        if labels.len() > 1 && !labels.values().flatten().any(|label| label == "AWSPENDING") {
            break;
        }
        tokio::time::sleep(super::SECOND / 20).await;
    }
    signal(child.id(), "TERM");
    let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task completes");
    String::from_utf8(done.expect("the process exits").stderr).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_shows_the_functions_log_if_asked() {
    let shown = log_of(&["--function-log"]).await;
    for step in super::STEPS {
        assert!(shown.lines().any(|line| line.contains("step done") && line.contains(step)), "{step}: {shown}");
    }
    assert!(!log_of(&[]).await.contains("step done"));
    let refused = run_with(&["sim", "--function-log"], &[]);
    assert!(refused.exit == Some(2) && refused.stderr.contains("--function"), "{}", refused.stderr);
}
