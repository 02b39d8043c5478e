//! The action installs a release by its checksum, from a server on loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::github::sum;
use super::runner::Runner;
use super::{SECRET, Workplace, output, script, stdout};

/// The version's archive for this machine.
const ARCHIVE: &str = "genesys-rotator_1.2.3_linux_amd64.tar.gz";

/// A server of release files.
pub struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Serves the archive at its place, a truncated one below `/short/`, and nothing elsewhere.
    fn start(archive: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.by_ref().find(String::is_empty);
                counted.fetch_add(1, Ordering::SeqCst);
                let path = first.split(' ').nth(1).unwrap_or_default();
                let is_known = path.ends_with(&format!("/v1.2.3/{ARCHIVE}"));
                let status = if is_known { "200 OK" } else { "404 Not Found" };
                let body = if is_known { &archive[..] } else { b"" };
                let sent = if path.starts_with("/short/") { &body[..body.len() / 2] } else { body };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
            }
        });
        Self { url, requests }
    }
}

/// A workplace without a program in PATH, a server with a release of a stand-in that runs the real program, and the inputs.
pub async fn release() -> (Workplace, Server, Value) {
    let workplace = Workplace::new().await;
    fs::remove_file(workplace.home.path().join("bin/genesys-rotator")).expect("it is there");
    let home = workplace.home.path();
    script(&home.join("genesys-rotator"), &format!("#!/bin/sh\nexec {} \"$@\"\n", super::ROTATOR));
    let mut tar = Command::new("tar");
    tar.args(["-czf", ARCHIVE, "genesys-rotator"]).current_dir(home);
    stdout(&output(tar).await);
    let archive = home.join(ARCHIVE);
    let sum = sum(&archive.display().to_string()).await;
    let server = Server::start(fs::read(archive).expect("an archive"));
    let with = json!({"secret": SECRET, "version": "1.2.3", "sha256": sum, "download-url": server.url});
    (workplace, server, with)
}

/// Runs the action with an input changed. Returns the log of a failure.
async fn failure(workplace: &Workplace, with: &Value, input: &str, value: String) -> String {
    let mut with = with.clone();
    with[input] = json!(value);
    let mut runner = Runner::new(workplace);
    assert!(!runner.act(&with).await, "{}", runner.log());
    assert!(runner.environment.is_empty(), "{:?}", runner.environment);
    runner.log()
}

#[tokio::test]
async fn the_action_installs_a_release_by_its_checksum() {
    let (mut workplace, server, mut with) = release().await;
    let other = format!("{}\n{}", "0".repeat(64), with["sha256"].as_str().expect("a sum").to_uppercase());
    with["sha256"] = json!(other);
    let cache = workplace.home.path().join("cache").display().to_string();
    workplace.environment.insert("RUNNER_TOOL_CACHE".to_owned(), cache.clone());
    for (version, requests) in [("1.2.3", 1), ("v1.2.3", 1)] {
        with["version"] = json!(version);
        let mut runner = Runner::new(&workplace);
        assert!(runner.act(&with).await, "{}", runner.log());
        assert_eq!(runner.environment["GENESYSCLOUD_ACCESS_TOKEN"], workplace.token);
        assert_eq!(server.requests.load(Ordering::SeqCst), requests, "the archive is downloaded once");
    }
    // Half a file of a cancelled job, or another mirror's.
    fs::write(format!("{cache}/genesys-rotator/{ARCHIVE}"), "changed").expect("it is written");
    let mut runner = Runner::new(&workplace);
    assert!(runner.act(&with).await, "{}", runner.log());
    assert_eq!(server.requests.load(Ordering::SeqCst), 2, "the archive is downloaded again");
    let log = failure(&workplace, &with, "sha256", "0".repeat(64)).await;
    assert!(log.contains("does not match the input sha256"), "{log}");
}

#[tokio::test]
async fn the_action_names_what_is_wrong_with_a_download() {
    let (workplace, server, with) = release().await;
    let url = &server.url;
    for (input, value, words) in [
        ("version", "1.2.4".to_owned(), "linux_amd64.tar.gz is not there: check version and download-url".to_owned()),
        ("version", "latest".to_owned(), "version is latest, which is not a version".to_owned()),
        ("sha256", "0".repeat(64), format!("the checksum of {url}/v1.2.3/{ARCHIVE} is ")),
        ("sha256", String::new(), "version requires sha256".to_owned()),
        ("download-url", format!("{url}/short"), "ended too early".to_owned()),
        ("download-url", "http://127.0.0.1:9".to_owned(), "cannot be downloaded (curl status 7)".to_owned()),
    ] {
        let log = failure(&workplace, &with, input, value).await;
        assert!(log.contains("::error::") && log.contains(&words), "{input}: {log}");
        let places = fs::read_dir(workplace.home.path().join("temp")).expect("a directory").flatten();
        let is_unpacked = places.map(|place| place.path().join("bin/genesys-rotator")).any(|program| program.exists());
        assert!(!is_unpacked, "{input}: nothing was unpacked");
    }
}

#[tokio::test]
async fn the_action_refuses_machines_without_a_release() {
    let (workplace, server, with) = release().await;
    for (machine, words) in [
        ([("RUNNER_OS", "macOS"), ("RUNNER_ARCH", "ARM64")], "releases are for Linux, not for macOS"),
        ([("RUNNER_OS", "Windows"), ("RUNNER_ARCH", "X64")], "runs on Linux and macOS only"),
        ([("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X86")], "not for X86"),
        ([("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "ARM64")], "linux_arm64.tar.gz is not there"),
    ] {
        let mut runner = Runner::new(&workplace);
        runner.machine = machine;
        assert!(!runner.act(&with).await && runner.log().contains(words), "{machine:?}: {}", runner.log());
    }
    assert_eq!(server.requests.load(Ordering::SeqCst), 1, "only the last one downloads");
}
