//! `exec --serve`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use simulators::faults::{Effect, Fault};

use super::{rotated, stored};
use crate::Scene;
use crate::bao::until;

/// A command that requests a token and calls the API with it.
const CALL: &str = r#"
token=$(curl -sS -u "$GENESYSCLOUD_OAUTHCLIENT_ID:$GENESYSCLOUD_OAUTHCLIENT_SECRET" -d grant_type=client_credentials \
  "http://$GENESYSCLOUD_GATEWAY_HOST:$GENESYSCLOUD_GATEWAY_PORT/oauth/token" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -sS -o /dev/null -w '%{http_code} ' -H "Authorization: Bearer $token" "$ROTATOR_SERVE_URL/api/v2/tokens/me"
echo "$GENESYSCLOUD_REGION ${GENESYSCLOUD_ACCESS_TOKEN-unset}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gets_an_endpoint_of_its_own_and_ends_it() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let mut command = scene.command(&["exec", "--serve", &typed, "--", "sh", "-c", CALL]);
    command.env("PATH", "/usr/bin:/bin").env("GENESYSCLOUD_ACCESS_TOKEN", "of-the-shell").env_remove("ROTATOR_LOG");
    let done = scene.run_command(command).await;
    assert_eq!((done.exit, done.stdout.as_str()), (Some(0), "200 eu-west-1 unset\n"), "{}", done.stderr);
    assert!(!done.stderr.contains(&stored(&path)));
    for (script, exit) in [("exit 7", Some(7)), ("kill -TERM $$", None)] {
        let mut command = scene.command(&["exec", "--serve", &typed, "--", "sh", "-c", script]);
        command.env("PATH", "/usr/bin:/bin");
        assert_eq!(scene.run_command(command).await.exit, exit, "{script}");
    }
    for arguments in
        [&["--refresh", "5s", &typed][..], &["--wait", "5s", &typed], &["--serve", "--timeout", "5s", &typed]]
    {
        let refused = scene.run(&[&["exec"], arguments, &["--", "true"]].concat()).await;
        assert_eq!(refused.exit, Some(2), "{arguments:?}: {}", refused.stderr);
    }
    for (secret, exit, words) in [("file:/nonexistent.json", 1, "/nonexistent.json"), ("vault:x", 2, "vault:")] {
        let failed = scene.run(&["exec", "--serve", secret, "--", "true"]).await;
        assert_eq!(failed.exit, Some(exit), "{}", failed.stderr);
        assert!(failed.error().0.contains(words) && !failed.error().1.is_empty(), "{}", failed.stderr);
    }
    let missing = scene.run(&["exec", "--serve", &typed, "--", "/nonexistent"]).await;
    assert_eq!(missing.exit, Some(127), "{}", missing.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_command_once_and_never_the_endpoint() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let ready = scene.directory.path().join("ready");
    let count = scene.directory.path().join("count");
    for name in ["TERM", "INT", "HUP", "QUIT"] {
        // The command counts signals, and calls its endpoint after the first.
        let script = format!(
            "n=0; i=0; \
             trap 'echo x >> {count}; curl -sS -o /dev/null $ROTATOR_SERVE_URL/healthz || exit 9; n=1' {name}; touch {ready}; \
             while [ $n = 0 ] || [ $i -lt 20 ]; do sleep 0.05; i=$((i + n)); done; exit 5",
            count = count.display(),
            ready = ready.display()
        );
        let exec = scene.command(&["exec", "--serve", "--quiet", &typed, "--", "sh", "-c", &script]);
        // A session of its own, so that the signal reaches its process group only. nohup ignores SIGHUP, and the shell cannot
        // change that.
        let mut command = std::process::Command::new("setsid");
        command.arg(exec.get_program()).args(exec.get_args());
        command.envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
        let mut child = command.spawn().expect("the binary runs");
        until("the command runs", async || ready.exists()).await;
        let kill =
            std::process::Command::new("kill").args([&format!("-{name}"), "--", &format!("-{}", child.id())]).status();
        assert!(kill.expect("kill runs").success());
        let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("the task completes");
        assert_eq!(status.expect("it ends").code(), Some(5), "{name}");
        assert_eq!(std::fs::read_to_string(&count).expect("a file"), "x\n", "{name}");
        std::fs::remove_file(&ready).and(std::fs::remove_file(&count)).expect("the files exist");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_ends_with_a_command_that_is_killed_and_is_no_child_of_it() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    // A shell waits for its own children only; this one waits for all.
    let script = "import os, time\nprint(os.environ['ROTATOR_SERVE_URL'], flush=True)\n\
                  try: os.wait()\nexcept ChildProcessError: print('no child', flush=True)\ntime.sleep(60)";
    let mut command = scene.command(&["exec", "--serve", "--quiet", &typed, "--", "python3", "-c", script]);
    command.env("PATH", "/usr/bin:/bin").stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let lines = tokio::task::spawn_blocking(move || [output.next(), output.next()].map(|line| line.expect("a line")));
    let [url, waited] = lines.await.expect("the task completes").map(|line| line.expect("UTF-8"));
    assert_eq!(waited, "no child");
    let health = reqwest::get(format!("{url}/healthz")).await.expect("an answer");
    assert_eq!(health.status(), reqwest::StatusCode::OK);
    child.kill().expect("it runs");
    // The command stays a zombie until it is waited for, and the endpoint ends nevertheless.
    until("the endpoint ends", async || reqwest::get(format!("{url}/healthz")).await.is_err()).await;
    child.wait().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_start_leaves_no_endpoint() {
    let scene = Scene::new().await;
    scene.rotating("genesys/prod").await;
    scene.simulation.faults.add(Fault::always("GetSecretValue", Effect::Hang));
    scene.simulation.journal.clear();
    let mut command = scene.command(&["exec", "--serve", "genesys/prod", "--", "true"]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    until("the endpoint reads the secret", async || scene.simulation.journal.count("GetSecretValue") > 0).await;
    let mut stderr = child.stderr.take().expect("it is piped");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // The endpoint has standard error, too. Its read would last for 20 s.
    let read = tokio::task::spawn_blocking(move || stderr.read_to_end(&mut Vec::new()));
    let ended = tokio::time::timeout(crate::SECOND * 15, read).await.expect("it does not wait for its read");
    ended.expect("the task completes").expect("the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_reaches_its_endpoint_without_a_proxy() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    for (before, after) in [(None, "127.0.0.1"), (Some("a.example"), "a.example,127.0.0.1"), (Some("*"), "*")] {
        let script = "echo \"$NO_PROXY $no_proxy\"";
        let mut command = scene.command(&["exec", "--serve", &typed, "--", "sh", "-c", script]);
        command.env("PATH", "/usr/bin:/bin").env_remove("no_proxy").env_remove("NO_PROXY");
        if let Some(before) = before {
            command.env("NO_PROXY", before);
        }
        assert_eq!(scene.run_command(command).await.stdout, format!("{after} {after}\n"));
    }
}
