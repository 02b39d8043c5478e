//! `token --github-env`: tokens for the later steps of a GitHub Actions job.

use std::fs;

use super::{rotated, shown};
use crate::{Scene, Transcript, write};

/// Runs `token --github-env NAME` with this content of the runner's file. Returns its content afterwards.
async fn step(scene: &Scene, typed: &str, name: &str, before: &str) -> (Transcript, String) {
    let path = write(scene.directory.path(), "github-env", before);
    let mut command = scene.command(&["token", typed, "--github-env", name]);
    command.env("GITHUB_ENV", &path);
    (shown(scene, command).await, fs::read_to_string(path).expect("the file exists"))
}

/// The variables in the runner's file.
fn variables(text: &str) -> Vec<(&str, &str)> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some((name, delimiter)) = line.split_once("<<") {
            found.push((name, lines.next().expect("a value")));
            assert_eq!(lines.next(), Some(delimiter), "{text}");
        } else {
            found.push(line.split_once('=').expect("a variable"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_masked_and_set_for_the_later_steps() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    let url = scene.simulation.genesys_url();
    for before in ["", "A=1\n", "A=1"] {
        let (printed, file) = step(&scene, &typed, "GENESYSCLOUD_ACCESS_TOKEN", before).await;
        assert_eq!((printed.exit, printed.stdout), (Some(0), format!("::add-mask::{value}\n")), "{}", printed.stderr);
        let expected = [
            ("A", "1"),
            ("GENESYSCLOUD_ACCESS_TOKEN", value.as_str()),
            ("GENESYSCLOUD_REGION", "eu-west-1"),
            ("GENESYSCLOUD_API_URL", &url),
        ];
        assert_eq!(variables(&file), expected[usize::from(before.is_empty())..]);
    }
    let (_, file) = step(&scene, &typed, "TOKEN_OF_IRELAND", "").await;
    assert_eq!(variables(&file), [("TOKEN_OF_IRELAND", value.as_str())], "another name sets no region");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_could_not_be_masked_is_not_set() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let path = write(scene.directory.path(), "github-env", "");
    let mut command = scene.command(&["token", &typed, "--github-env", "A"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    command.env("GITHUB_ENV", &path).stdout(full);
    let refused = shown(&scene, command).await;
    assert_eq!((refused.exit, fs::read_to_string(path).expect("a file")), (Some(1), String::new()));
    assert!(refused.error().0.starts_with("the mask for the token could not be written"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_github_env_is_rejected_before_the_secret_is_read() {
    let scene = Scene::new().await;
    let rows = [
        (None, "A", "GITHUB_ENV is not set"),
        (Some("/no/such/file"), "A", "GITHUB_ENV names /no/such/file, which cannot be written"),
        (Some("/dev/stderr"), "A", "GITHUB_ENV names /dev/stderr, which cannot be written"),
        (Some("/dev/null"), "GITHUB_TOKEN", "GitHub's runner does not allow a step to set GITHUB_TOKEN"),
        (Some("/dev/null"), "A<<B", "\"A<<B\" is not a valid variable name"),
    ];
    for (file, name, words) in rows {
        let mut command = scene.command(&["token", "prod/genesys", "--github-env", name]);
        command.envs(file.map(|file| ("GITHUB_ENV", file)));
        let refused = shown(&scene, command).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(2), ""), "{words}");
        assert!(refused.error().0.starts_with(words), "{}", refused.stderr);
    }
    assert!(scene.simulation.journal.calls().is_empty());
}
