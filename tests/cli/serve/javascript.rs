//! A job of the official JavaScript SDK, the twin of the Python one in `child`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use super::{rotated, stored};
use crate::Scene;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the Node.js of `make test`")]
async fn a_long_job_of_the_javascript_sdk_survives_rotations_that_end_its_token() {
    let Some(node) = std::env::var("NODE").ok().filter(|node| std::path::Path::new(node).exists()) else { return };
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/javascript/long_job.js");
    let mut command = scene.command(&["exec", "--serve", "--quiet", &typed, "--", &node, script]);
    command.env_remove("ROTATOR_LOG").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default());
    let mut job = command.spawn().expect("the binary runs");
    let mut input = job.stdin.take().expect("it is piped");
    let mut output = BufReader::new(job.stdout.take().expect("it is piped")).lines();
    let mut lines = tokio::task::spawn_blocking(move || (output.next(), output)).await.expect("the task completes");
    if let Some(Ok(line)) = lines.0 {
        assert_eq!(line, "logged in");
        let first = stored(&path);
        for round in 0..4 {
            let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
            assert_eq!(done.exit, Some(0), "{}", done.stderr);
            input.write_all(b"go\n").expect("the job runs");
            let mut output = lines.1;
            lines = tokio::task::spawn_blocking(move || (output.next(), output)).await.expect("the task completes");
            assert_eq!(lines.0.expect("a line").expect("UTF-8"), "0", "round {round}");
        }
        assert!(!scene.is_alive(&first), "the job's own token has ended");
    }
    drop(input);
    let ended = tokio::task::spawn_blocking(move || job.wait_with_output()).await.expect("the task completes");
    let ended = ended.expect("the job ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
