//! Commands that are run with the token that a secret holds.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use serde_json::json;

use super::bao::signal;
use super::token::{rotated, shown};
use super::{CLIENT_SECRET, Scene, Transcript, document, write};

async fn exec(scene: &Scene, typed: &str, command: &[&str]) -> Transcript {
    shown(scene, scene.command(&[&["exec", typed, "--"], command].concat())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_finds_the_token_in_its_environment_and_not_in_its_arguments() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    let script = "env; echo --; tr '\\0' '\\n' </proc/self/cmdline; tr '\\0' '\\n' </proc/$$/cmdline";
    let ran = exec(&scene, &typed, &["/bin/sh", "-c", script]).await;
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    let (environment, arguments) = ran.stdout.split_once("\n--\n").expect("both");
    let url = scene.simulation.genesys_url();
    for line in [
        format!("GENESYSCLOUD_ACCESS_TOKEN={value}"),
        "GENESYSCLOUD_REGION=eu-west-1".to_owned(),
        format!("GENESYSCLOUD_API_URL={url}"),
        // What this process got is the command's as well: Terraform's own state may be on AWS.
        "AWS_ACCESS_KEY_ID=AKIDEXAMPLE".to_owned(),
    ] {
        assert!(environment.lines().any(|found| found == line), "{line}: {environment}");
    }
    assert!(!arguments.contains(&value), "{arguments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_how_long_the_token_lives_and_that_it_is_not_refreshed() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let ran = exec(&scene, &typed, &["/bin/true"]).await;
    let (life, rest) = ran.stderr.split_once(", until ").expect(&ran.stderr);
    assert_eq!(life, format!("the token of {typed} lives 23 h 59 min"));
    assert!(rest.ends_with(" UTC, and is not refreshed while the command runs\n"), "{rest}");
    let ran = shown(&scene, scene.command(&["exec", "-q", &typed, "--", "/bin/true"])).await;
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_exit_status_are_the_commands_own() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    for code in [0, 1, 3, 42] {
        let ran = exec(&scene, &typed, &["/bin/sh", "-c", &format!("echo out; exit {code}")]).await;
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(code), "out\n"));
    }
    let mut command = scene.command(&["exec", &typed, "--", "/bin/cat"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(b"through").expect("it reads");
    let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("it is waited for");
    assert_eq!(done.expect("it ends").stdout, b"through");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_takes_this_processs_place_and_its_signals() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let mut command = scene.command(&["exec", &typed, "--", "/bin/sh", "-c", "echo $$; exec sleep 600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let first = tokio::task::spawn_blocking(|| stdout.lines().next()).await.expect("it is waited for");
    assert_eq!(first.expect("a line").expect("text"), child.id().to_string());
    signal(child.id(), "TERM");
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("it is waited for").expect("it ends");
    assert_eq!(ended.signal(), Some(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_gets_the_signals_and_files_that_it_would_have_without_us() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    for command in [&["/bin/grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"][..], &["/bin/ls", "/proc/self/fd"]] {
        let mut direct = Command::new(command[0]);
        let direct = direct.args(&command[1..]).stdin(Stdio::null()).output().expect("it runs");
        let direct = String::from_utf8(direct.stdout).expect("text");
        let ran = exec(&scene, &typed, command).await.stdout;
        assert!(!ran.is_empty() && of_programs(&ran) == of_programs(&direct), "{ran}{direct}");
    }
}

/// The lines, and of sets of signals those that a program may use: the C library has a few beyond 31 for itself.
fn of_programs(text: &str) -> Vec<String> {
    let set = |text: &str| u64::from_str_radix(text, 16).expect("a set") & 0x7fff_ffff;
    let line =
        |line: &str| line.split_once('\t').map_or(line.to_owned(), |(name, signals)| format!("{name}{}", set(signals)));
    text.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_run_ends_as_in_a_shell() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let script = write(scene.directory.path(), "script", "#!/bin/sh\n").display().to_string();
    for (command, exit, words) in [
        ("no-such-command", 127, "the command no-such-command was not found"),
        ("/no/such/command", 127, "the command /no/such/command was not found"),
        (script.as_str(), 126, "cannot be run: Permission denied"),
    ] {
        let mut command = scene.command(&["exec", "-q", &typed, "--", command]);
        command.env("PATH", "/usr/bin:/bin");
        let refused = shown(&scene, command).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(exit), ""));
        assert!(refused.error().0.contains(words), "{}", refused.stderr);
    }
    for arguments in
        [&["exec", &typed][..], &["exec", &typed, "--"], &["exec", &typed, "true"], &["exec", &typed, "--", ""]]
    {
        assert_eq!(scene.run(arguments).await.exit, Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_run_with_a_dead_token_or_without_one() {
    let scene = Scene::new().await;
    let mut dead = document(CLIENT_SECRET);
    dead["access_token"] = json!("hush");
    dead["expires_at"] = json!("2026-01-02T03:04:05Z");
    for (document, words) in [(dead, "the token expired at"), (document(CLIENT_SECRET), "holds no token yet")] {
        let path = write(scene.directory.path(), "dead.json", &document.to_string());
        let refused = exec(&scene, &format!("file:{}", path.display()), &["/bin/echo", "it ran"]).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""));
        assert!(refused.error().0.contains(words), "{}", refused.stderr);
    }
}
