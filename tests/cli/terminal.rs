//! Output that appears only on a terminal: the confirmation, and the table that is redrawn.

use std::process::Command;

use serde_json::json;

use super::{BINARY, CLIENT_ID, Scene, Transcript};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/terminal.py");

/// Runs on a pseudoterminal that sends each reply once its prompt appears.
pub async fn on_terminal(scene: &Scene, replies: &[(&str, &str)], arguments: &[&str]) -> Transcript {
    #[expect(clippy::disallowed_methods, reason = "PYTHON overrides the interpreter of the machine")]
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.args([SCRIPT, &json!(replies).to_string(), BINARY]).args(arguments).env_clear();
    let scene_of = scene.command(&[]);
    command.envs(scene_of.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env_remove("ROTATOR_LOG").env("TERM", "xterm").env("LANG", "C.UTF-8");
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the task completes");
    scene.without_log(Transcript::of(done.expect("Python runs")))
}

const ALL: [&str; 6] = ["rotate", "--local", "--all", "--prefix", "prod/", "--revoke-previous"];
const QUESTION: &str = "Continue? [y/N] ";

#[tokio::test(flavor = "multi_thread")]
async fn all_asks_for_confirmation_on_a_terminal() {
    let scene = Scene::new().await;
    let previous = scene.with_token("prod/a", &[]).await;
    let no = on_terminal(&scene, &[(QUESTION, "n\n")], &ALL).await;
    assert_eq!(no.exit, Some(1), "{}{}", no.stdout, no.stderr);
    assert!(no.stdout.contains("1 secret matches") && no.stdout.contains("no rotation was started"), "{}", no.stdout);
    assert!(scene.is_alive(&previous) && scene.token_of("prod/a") == previous);
    let yes = on_terminal(&scene, &[(QUESTION, "y\n")], &ALL).await;
    assert_eq!(yes.exit, Some(0), "{}{}", yes.stdout, yes.stderr);
    assert!(yes.stdout.contains("1 rotated, 0 failed, 0 skipped, 1 revoked"), "{}", yes.stdout);
    let unasked = on_terminal(&scene, &[], &[&ALL[..], &["--yes"]].concat()).await;
    assert!(unasked.exit == Some(0) && !unasked.stdout.contains(QUESTION), "{}", unasked.stdout);
    let interrupted = on_terminal(&scene, &[(QUESTION, "\u{3}")], &ALL).await;
    assert_ne!(interrupted.exit, Some(0), "Ctrl-C does not confirm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_status_is_redrawn_in_place() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[]).await;
    let replies = [("every 1 s", ""), ("every 1 s", ""), ("every 1 s", "\u{3}")];
    let watched = on_terminal(&scene, &replies, &["status", "--watch", "1", "prod/a"]).await;
    assert_eq!(watched.exit, Some(0), "{}{}", watched.stdout, watched.stderr);
    assert!(watched.stdout.matches("SECRET").count() >= 3, "{:?}", watched.stdout);
    // Each table after the first moves the cursor up to the previous one.
    let redrawn = watched.stdout.matches("\u{1b}[1A").count() + watched.stdout.matches("\u{1b}[2A").count();
    assert!(redrawn >= 2, "{:?}", watched.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_client_asks_for_confirmation_and_no_token_is_typed() {
    let scene = Scene::new().await;
    let (token, admin) = (scene.mint().await, scene.admin(|_| {}));
    let disable = ["revoke", "--client", CLIENT_ID, "--admin", &admin];
    let no = on_terminal(&scene, &[(QUESTION, "\n")], &disable).await;
    assert_eq!((no.exit, scene.is_alive(&token)), (Some(1), true), "{}{}", no.stdout, no.stderr);
    assert!(no.stdout.contains("its tokens end for all readers") && no.stdout.contains("nothing was changed"));
    let typed = on_terminal(&scene, &[], &["revoke", "--token", "-", "--region", "eu-west-1"]).await;
    assert!(typed.exit == Some(2) && typed.stdout.contains("read -rs token"), "{}{}", typed.stdout, typed.stderr);
    let yes = on_terminal(&scene, &[(QUESTION, "y\n")], &disable).await;
    assert_eq!((yes.exit, scene.is_alive(&token)), (Some(0), false), "{}{}", yes.stdout, yes.stderr);
}
