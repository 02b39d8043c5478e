//! The selection of `--all`.

use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::Tag;
use genesys_rotator::rotation::{Clock, SystemClock};

use super::{DATABASE, Scene, numbers};
use crate::{CLIENT_SECRET, FUNCTION_ARN, document, run};

#[test]
fn all_without_a_filter_is_rejected() {
    let transcript = run(&["rotate", "--all"]);
    assert_eq!(transcript.exit, Some(2));
    assert!(
        transcript.error().1.contains("--tag KEY=VALUE, --prefix NAME or --rotation-function"),
        "{}",
        transcript.stderr
    );
    assert_eq!(run(&["rotate", "--all", "--prefix", "a", "prod/genesys"]).exit, Some(2), "names and --all");
    assert_eq!(run(&["rotate", "prod/genesys", "--tag", "team=a"]).exit, Some(2), "--tag without --all");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_matching_secrets_with_a_rotated_token_are_rotated() {
    let scene = Scene::new().await;
    scene.simulation.secrets_manager.set(|settings| settings.largest_page = 2);
    let team = [("team", "contact"), ("stage", "prod")];
    for name in ["prod/a", "prod/b", "prod/c"] {
        scene.with_token(name, &team).await;
    }
    scene.with_token("test/a", &[("team", "contact"), ("stage", "test")]).await;
    // The filter of ListSecrets matches this one, whose tag value belongs to another key.
    scene.with_token("prod/d", &[("team", "other"), ("owner", "contact")]).await;
    scene.holding("prod/database", DATABASE, &team).await;
    scene.holding("prod/text", "not even JSON", &team).await;
    let tag = |(key, value): (&str, &str)| Tag::builder().key(key).value(value).build();
    let binary = scene.aws.create_secret().name("prod/binary").secret_binary(Blob::new([0xff, 0x00]));
    binary.set_tags(Some(team.map(tag).into())).send().await.expect("the secret is created");
    scene.holding("prod/new", &document(CLIENT_SECRET).to_string(), &team).await;
    let before: Vec<_> = ["test/a", "prod/d", "prod/database", "prod/new"].map(|name| versions(&scene, name)).into();
    scene.simulation.journal.clear();

    let selection = ["--all", "--tag", "team=contact", "--tag", "stage", "--prefix", "prod/", "--output", "json"];
    let dry = scene.run(&[&["rotate", "--local", "--dry-run"], &selection[..]].concat()).await;
    assert_eq!(dry.exit, Some(0), "{}", dry.stderr);
    assert_eq!(dry.json().iter().filter(|line| line["would"] == "rotate").count(), 3, "{}", dry.stdout);
    assert!(scene.calls("POST /oauth/token").is_empty() && scene.calls("PutSecretValue").is_empty());

    let transcript = scene.run(&[&["rotate", "--yes", "--local"], &selection[..]].concat()).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert_eq!(transcript.summary(), numbers(&[("rotated", 3), ("skipped", 4)]));
    for name in ["prod/database", "prod/text", "prod/binary", "prod/new"] {
        assert_eq!(transcript.about(name)["skipped"]["reason"], "unrelated", "{name}");
    }
    assert_eq!(scene.calls("POST /oauth/token").len(), 3, "no other credentials were sent");
    assert!(scene.calls("ListSecrets").len() >= 6, "both runs read all pages");
    let after: Vec<_> = ["test/a", "prod/d", "prod/database", "prod/new"].map(|name| versions(&scene, name)).into();
    assert_eq!(before, after);
}

fn versions(scene: &Scene, name: &str) -> usize {
    scene.simulation.secrets_manager.versions(name).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_named_function_are_rotated_without_read_permission() {
    let scene = Scene::new().await;
    scene.rotating("prod/a").await;
    scene.rotating("prod/b").await;
    scene.with_token("prod/c", &[]).await;
    let before = scene.token_of("prod/a");
    let selection = ["rotate", "--yes", "--all", "--rotation-function", FUNCTION_ARN, "--output", "json"];
    let transcript = scene.run(&selection).await;
    assert_eq!((transcript.exit, transcript.summary()), (Some(0), numbers(&[("rotated", 2)])), "{}", transcript.stderr);
    assert_ne!(scene.token_of("prod/a"), before);
    scene.simulation.secrets_manager.set(|settings| settings.denied = ["GetSecretValue".to_owned()].into());
    let transcript = scene.run(&["rotate", "--yes", "--all", "--prefix", "prod/", "--output", "json"]).await;
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("failed", 3)])));
    assert!(transcript.stderr.contains("or name the function that rotates it"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_selection_is_a_failure() {
    let scene = Scene::new().await;
    scene.holding("prod/database", DATABASE, &[]).await;
    let nothing = scene.run(&["rotate", "--yes", "--all", "--prefix", "typo/"]).await;
    assert_eq!(nothing.exit, Some(1));
    assert!(nothing.error().0.contains("no secret of this account and region matches"), "{}", nothing.stderr);
    let unrelated = scene.run(&["rotate", "--yes", "--local", "--all", "--prefix", "prod/"]).await;
    assert_eq!(unrelated.exit, Some(1), "{}", unrelated.stdout);
    assert!(unrelated.error().0.contains("no matching secret holds a token"), "{}", unrelated.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_than_rotates_only_the_rest() {
    let scene = Scene::new().await;
    for name in ["prod/a", "prod/b"] {
        scene.with_token(name, &[]).await;
    }
    let started = jiff::Timestamp::from_second(SystemClock.now().as_second() - 1).expect("a timestamp").to_string();
    assert_eq!(scene.run(&["rotate", "--local", "prod/a"]).await.exit, Some(0));
    let rest =
        ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--older-than", &started, "--output", "json"];
    let transcript = scene.run(&rest).await;
    assert_eq!(transcript.summary(), numbers(&[("rotated", 1), ("skipped", 1)]), "{}", transcript.stderr);
    assert_eq!(transcript.about("prod/a")["skipped"]["reason"], "fresh");
    let again = scene.run(&rest).await;
    assert_eq!((again.exit, again.summary()), (Some(0), numbers(&[("skipped", 2)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_secret_is_one_line_and_the_counts_come_last() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[]).await;
    let text = scene.run(&["rotate", "--yes", "--local", "--all", "--prefix", "prod/"]).await;
    let lines: Vec<_> = text.stdout.lines().collect();
    assert!(lines[0].starts_with("ok    prod/a  promoted version "), "{lines:?}");
    assert_eq!(lines[1..], ["1 rotated, 0 failed, 0 skipped, 0 revoked"]);
    assert_eq!(text.stderr, "", "steps are not printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_ask_for_confirmation_is_rejected() {
    let scene = Scene::new().await;
    let previous = scene.with_token("prod/a", &[]).await;
    scene.simulation.journal.clear();
    let all = ["rotate", "--local", "--all", "--prefix", "prod/"];
    for arguments in
        [&all[..], &[&all[..], &["--revoke-previous"]].concat(), &["rotate", "--local", "prod/a", "--revoke-previous"]]
    {
        let transcript = scene.run(arguments).await;
        assert_eq!(transcript.exit, Some(2), "{arguments:?}: {}", transcript.stderr);
        assert!(transcript.error().1.contains("--yes"), "{}", transcript.stderr);
    }
    assert!(scene.simulation.journal.calls().is_empty() && scene.is_alive(&previous));
    let dry = scene.run(&[&all[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry.exit, Some(0), "a dry run asks nothing: {}", dry.stderr);
}
