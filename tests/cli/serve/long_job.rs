//! Jobs of the official SDKs that run longer than their token lives.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use super::{rotated, stored};
use crate::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_job_of_the_python_sdk_survives_rotations_that_end_its_token() {
    survives_rotations("PYTHON", "python/long_job.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_job_of_the_javascript_sdk_survives_rotations_that_end_its_token() {
    survives_rotations("NODE", "javascript/long_job.js").await;
}

/// Runs a script of tests/ with the interpreter that a variable of `make test` names. The script logs in once, and prints the
/// number of failed calls after each line of its input.
#[expect(clippy::disallowed_methods, reason = "the interpreters of `make test`")]
async fn survives_rotations(variable: &str, script: &str) {
    let installed = std::env::var(variable).ok().filter(|interpreter| std::path::Path::new(interpreter).exists());
    let Some(interpreter) = installed else { return };
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let script = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = scene.command(&["exec", "--serve", "--quiet", &typed, "--", &interpreter, &script]);
    command.env_remove("ROTATOR_LOG").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default());
    let mut job = command.spawn().expect("the binary runs");
    let mut input = job.stdin.take().expect("it is piped");
    let mut output = BufReader::new(job.stdout.take().expect("it is piped")).lines();
    let mut next = move || output.next().expect("a line").expect("UTF-8");
    let begun = tokio::task::spawn_blocking(move || (next(), next));
    let (line, mut next) = begun.await.expect("the task completes");
    if !line.starts_with("skipped: ") {
        assert_eq!(line, "logged in");
        let first = stored(&path);
        for round in 0..4 {
            let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
            assert_eq!(done.exit, Some(0), "{}", done.stderr);
            input.write_all(b"go\n").expect("the job runs");
            let failed = tokio::task::spawn_blocking(move || (next(), next)).await.expect("the task completes");
            assert_eq!(failed.0, "0", "round {round}");
            next = failed.1;
        }
        assert!(!scene.is_alive(&first), "the job's own token has ended");
    }
    drop(input);
    let ended = tokio::task::spawn_blocking(move || job.wait_with_output()).await.expect("the task completes");
    let ended = ended.expect("the job ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
