//! `demo` and `sim`, which embed the simulators.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::bao::signal;
use super::{command, run, run_with, steps};

#[test]
fn demo_explains_three_rotations() {
    let transcript = run(&["demo"]);
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    for words in ["1. The first", "2. A second", "still works", "3. A rotation that fails", "readers still get"] {
        assert!(transcript.stdout.contains(words), "{words}: {}", transcript.stdout);
    }
}

#[test]
fn demo_reports_three_rotations_as_json() {
    let transcript = run(&["demo", "--output", "json"]);
    let reports = transcript.json();
    let promoted: Vec<_> = reports.iter().map(|report| &report["promoted"]).collect();
    assert_eq!((transcript.exit, promoted), (Some(0), vec![&true.into(), &true.into(), &Value::Bool(false)]));
    assert_eq!(steps(&reports[2]).last(), Some(&("testSecret", "failed")));
}

#[test]
fn the_simulators_run_until_sigterm() {
    let mut command = command(&["sim", "--client", "an-id:a-secret", "--token-lifetime", "600"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("the stream is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a first line");
    let addresses: Value = serde_json::from_str(&line).expect("the first line is JSON");
    let url = addresses["genesys"].as_str().expect("an address");
    assert!(addresses["secrets_manager"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")));

    let directory = tempfile::TempDir::new().expect("a temporary directory can be created");
    let document = r#"{"region":"eu-west-1","client_id":"an-id","client_secret":"a-secret"}"#;
    let path = super::write(directory.path(), "token.json", document);
    let typed = format!("file:{}", path.display());
    let checked = run_with(&["check", &typed], &[("ROTATOR_LOGIN_URL", url), ("ROTATOR_API_URL", url)]);
    assert_eq!(checked.exit, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("valid for 9 min 5"), "{}", checked.stdout);

    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("the process exits").code(), Some(0));
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    let port = taken.local_addr().expect("the listener has an address").port().to_string();
    let transcript = run(&["sim", "--port", &port]);
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.error().1.contains("--port"), "{}", transcript.stderr);
}
