//! `init`: a checked document in a new file, or an example for pipes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use super::terminal::on_terminal;
use super::{CLIENT_ID, CLIENT_SECRET, SECOND, Scene, output, read};

const REGION: &str = "Region (such as eu-west-1 or mypurecloud.ie): ";
const ID: &str = "Client id: ";
const SECRET: &str = "Client secret (not shown): ";

fn line(text: &str) -> String {
    format!("{text}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_are_checked_and_written_to_a_private_file() {
    let scene = Scene::new().await;
    let path = scene.directory.path().join("genesys.json");
    let (id, secret) = (line(CLIENT_ID), format!("{CLIENT_SECRET}x\u{7f}\n"));
    let replies = [(REGION, "nowhere\n"), (REGION, "eu-west-1\n"), (ID, "not an id\n"), (ID, &id), (SECRET, &secret)];
    let file = path.display().to_string();
    let done = on_terminal(&scene, &replies, &["init", &file]).await;
    assert_eq!(done.exit, Some(0), "{}{}", done.stdout, done.stderr);
    for words in ["region", "hint:", "validate the token", "was written, readable by its owner only"] {
        assert!(done.stdout.contains(words), "{words}: {}", done.stdout);
    }
    let written = json!({"region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    assert_eq!(read(&path), written);
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(scene.simulation.genesys.live_tokens(), [""; 0], "the token of the check is revoked");
    assert_eq!(scene.run(&["rotate", &format!("file:{file}")]).await.exit, Some(0));
    let again = on_terminal(&scene, &[], &["init", &format!("file:{file}")]).await;
    assert!(again.exit == Some(2) && again.stdout.contains("exists and is not overwritten"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_after_a_failed_check_or_a_cancellation() {
    let scene = Scene::new().await;
    let path = scene.directory.path().join("genesys.json");
    let (id, file) = (line(CLIENT_ID), path.display().to_string());
    for (secret, words) in [
        ("wrong-secret\n", "was not written"),
        ("half\u{3}", "cancelled: nothing was written"),
        ("\n", "cancelled: nothing was written"),
    ] {
        let replies = [(REGION, "eu-west-1\n"), (ID, &*id), (SECRET, secret)];
        let ended = on_terminal(&scene, &replies, &["init", &file]).await;
        assert!(ended.exit == Some(1) && ended.stdout.contains(words), "{words}: {}", ended.stdout);
        assert!(!ended.stdout.contains("wrong-secret") && !ended.stdout.contains("half"), "{}", ended.stdout);
        assert_eq!(fs::read_dir(scene.directory.path()).expect("a directory").count(), 0);
    }
    let nowhere = on_terminal(&scene, &[], &["init", &format!("{file}/none/genesys.json")]).await;
    assert!(nowhere.exit == Some(2) && nowhere.stdout.contains("create the directory"), "{}", nowhere.stdout);
    let wrong = [(REGION, "a\n"), (REGION, "b\n"), (REGION, "c\n")];
    assert_eq!(on_terminal(&scene, &wrong, &["init", &file]).await.exit, Some(1), "after three wrong answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_appears_meanwhile_is_not_overwritten() {
    let scene = Scene::new().await;
    let path = scene.directory.path().join("genesys.json");
    let (id, secret, file) = (line(CLIENT_ID), line(CLIENT_SECRET), path.display().to_string());
    scene.simulation.faults.add(Fault::once("POST /oauth/token", Effect::DelayAnswer(SECOND)));
    let appears = async {
        while scene.simulation.genesys.live_tokens().is_empty() {
            tokio::time::sleep(SECOND / 100).await;
        }
        fs::write(&path, "taken").expect("a file");
    };
    let replies = [(REGION, "eu-west-1\n"), (ID, &*id), (SECRET, &*secret)];
    let arguments = ["init", &file];
    let (ended, ()) = tokio::join!(on_terminal(&scene, &replies, &arguments), appears);
    assert!(ended.exit == Some(1) && ended.stdout.contains("exists and is not overwritten"), "{}", ended.stdout);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_an_example_is_printed() {
    let scene = Scene::new().await;
    let done = output(scene.command(&["init"])).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    let example: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((&example["client_id"], &example["region"]), (&"CLIENT-ID".into(), &"mypurecloud.ie".into()));
    assert!(done.stderr.contains("chmod 600"), "{}", done.stderr);
    let path = scene.directory.path().join("genesys.json");
    let refused = scene.run(&["init", &path.display().to_string()]).await;
    assert_eq!((refused.exit, path.exists()), (Some(2), false));
    assert!(refused.error().1.contains("prints an example"), "{}", refused.stderr);
}
