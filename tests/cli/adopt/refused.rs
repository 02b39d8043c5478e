//! Adoptions that are refused before anything changes.

use serde_json::{Value, json};
use simulators::genesys::{ClientState, OAuthClient};

use super::ADMIN_ID;
use crate::terminal::on_terminal;
use crate::{CLIENT_ID, CLIENT_SECRET, Scene, cxone, document, read, write};

/// Asserts that the client keeps its secret, and that no token is left.
fn assert_untouched(scene: &Scene, what: &str) {
    assert_eq!(scene.secret_of(CLIENT_ID), CLIENT_SECRET, "{what}");
    assert_eq!(scene.simulation.genesys.live_tokens(), [""; 0], "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_with_other_content_is_refused() {
    let mut foreign = document(CLIENT_SECRET);
    foreign["client_id"] = "5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10".into();
    let mut elsewhere = document(CLIENT_SECRET);
    elsewhere["region"] = "mypurecloud.de".into();
    elsewhere.as_object_mut().expect("an object").remove("client_secret");
    for (text, words) in [
        (foreign.to_string(), "another OAuth client"),
        (json!({"password": "hush"}).to_string(), "another OAuth client"),
        (elsewhere.to_string(), "region differs"),
        ("not JSON".to_owned(), "not JSON"),
        (json!(["a list"]).to_string(), "not an object"),
    ] {
        let scene = Scene::new().await;
        let (admin, path) = (scene.owner(), write(scene.directory.path(), "token.json", &text));
        let refused = scene.adopt(&format!("file:{}", path.display()), &admin, &["--output", "json"]).await;
        assert_eq!((refused.exit, &refused.json()[0]["error"]["type"]), (Some(1), &"DocumentInvalid".into()), "{text}");
        assert!(refused.error().0.contains(words), "{text}: {}", refused.stderr);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), text);
        assert_untouched(&scene, &text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_rotation_is_disabled_is_refused() {
    let scene = Scene::new().await;
    let admin = scene.owner();
    scene.rotating("prod/token").await;
    scene.aws.cancel_rotate_secret().secret_id("prod/token").send().await.expect("it is cancelled");
    let before = scene.current("prod/token");
    let refused = scene.adopt("prod/token", &admin, &["--output", "json"]).await;
    assert_eq!((refused.exit, &refused.json()[0]["error"]["type"]), (Some(1), &"RotationDisabled".into()));
    assert_eq!((scene.current("prod/token"), scene.secret_of(CLIENT_ID).as_str()), (before, CLIENT_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_an_interrupted_rotation_is_completed_or_dropped_before_a_dead_secret_is_replaced() {
    let scene = Scene::new().await;
    let (admin, text) = (scene.owner(), document("hush-hush-dead-secret").to_string());
    let path = write(scene.directory.path(), "token.json", &text);
    let staged = document("hush-hush-other-dead-secret").to_string();
    let versions = json!({"pending": {"version": "6669da05-b1c8-4f49-97d9-c8e5bed98e20", "value": staged}}).to_string();
    write(scene.directory.path(), "token.json.rotation", &versions);
    let typed = format!("file:{}", path.display());
    let refused = scene.adopt(&typed, &admin, &["--output", "json"]).await;
    assert_eq!((refused.exit, &refused.json()[0]["error"]["type"]), (Some(1), &"StoreConflict".into()));
    assert!(refused.error().1.contains("rotate --local"), "{}", refused.stderr);
    assert_untouched(&scene, "interrupted");
    assert_eq!(scene.run(&["rotate", "--local", &typed]).await.exit, Some(1), "its credentials are dead");
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.assert_adopted(&read(&path), "after the hint");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_that_may_not_renew_the_client_is_refused() {
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit, &str); 3] = [
        ("no list", |document| drop(document.as_object_mut().expect("an object").remove("rotates")), "rotates"),
        ("another client", |document| document["rotates"] = json!(["other"]), "rotates"),
        ("elsewhere", |document| *document = json!({"region": "eu-west-1", "credentials": "other"}), "another secret"),
    ];
    for (what, edit, words) in edits {
        let scene = Scene::new().await;
        let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
        scene.edit_admin(edit);
        let refused = scene.adopt(&typed, &admin, &["--output", "json"]).await;
        assert_eq!((refused.exit, &refused.json()[0]["error"]["type"]), (Some(1), &"DocumentInvalid".into()), "{what}");
        assert!(refused.error().0.contains(words), "{what}: {}", refused.stderr);
        assert!(!path.exists(), "{what}: nothing is created");
        assert_untouched(&scene, what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_use_a_new_secret_is_refused() {
    type Change = fn(&mut OAuthClient);
    let changes: [(&str, Change, &str); 4] = [
        ("disabled", |client| client.state = ClientState::Disabled, "is disabled"),
        ("inactive", |client| client.state = ClientState::Inactive, "is inactive"),
        ("grant", |client| client.grant = "CODE".to_owned(), "another grant"),
        ("unknown", |client| client.id = "5f3c8a52-0404-4e71-9d0c-6f2b3c9d1e10".to_owned(), ""),
    ];
    for (what, change, words) in changes {
        let scene = Scene::new().await;
        let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
        let mut client = OAuthClient::new(CLIENT_ID, CLIENT_SECRET);
        change(&mut client);
        let known = client.id == CLIENT_ID;
        scene.simulation.genesys.add_client(client);
        let unknown = "5f3c8a52-0405-4e71-9d0c-6f2b3c9d1e10";
        scene.edit_admin(|document| document["rotates"] = json!([CLIENT_ID, unknown]));
        let id = if known { CLIENT_ID } else { unknown };
        let refused = scene.run(&["adopt", &typed, "--client", id, "--admin", &admin, "--yes"]).await;
        assert_eq!(refused.exit, Some(1), "{what}: {}", refused.stdout);
        assert!(refused.error().0.contains(words), "{what}: {}", refused.stderr);
        assert!(!path.exists(), "{what}: nothing is created");
        assert_untouched(&scene, what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_own_client_and_cxone_are_refused() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    scene.edit_admin(|document| document["rotates"] = json!([ADMIN_ID]));
    let refused = scene.run(&["adopt", &typed, "--client", ADMIN_ID, "--admin", &admin, "--yes"]).await;
    assert_eq!(refused.exit, Some(1));
    assert!(refused.error().0.contains("administrator's own"), "{}", refused.stderr);
    let document = cxone::document(cxone::CLIENT, cxone::KEY).to_string();
    let cxone = format!("file:{}", write(scene.directory.path(), "cxone.json", &document).display());
    let refused = scene.adopt(&typed, &cxone, &[]).await;
    assert_eq!(refused.exit, Some(1));
    assert!(refused.error().1.contains("access key"), "{}", refused.stderr);
    assert!(!path.exists());
    assert_untouched(&scene, "own client, CXone");
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_needs_a_confirmation() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    let refused = scene.run(&["adopt", &typed, "--client", CLIENT_ID, "--admin", &admin]).await;
    assert_eq!((refused.exit, scene.simulation.journal.calls().len(), path.exists()), (Some(2), 0, false));
    assert!(refused.error().1.contains("--yes"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_asks_for_confirmation_on_a_terminal() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    let adopt = ["adopt", &typed, "--client", CLIENT_ID, "--admin", &admin];
    let no = on_terminal(&scene, &[("Continue? [y/N] ", "n\n")], &adopt).await;
    assert!(no.exit == Some(1) && no.stdout.contains("nothing was changed"), "{}", no.stdout);
    assert!(no.stdout.contains("other secrets that use the present one fail"), "{}", no.stdout);
    assert!(!path.exists());
    assert_untouched(&scene, "cancelled");
    let yes = on_terminal(&scene, &[("Continue? [y/N] ", "y\n")], &adopt).await;
    assert_eq!(yes.exit, Some(0), "{}", yes.stdout);
    scene.assert_adopted(&read(&path), "confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_a_client_secret_is_not_rotated_without_an_administrator() {
    let scene = Scene::new().await;
    let text = json!({"region": "eu-west-1", "client_id": CLIENT_ID}).to_string();
    let path = write(scene.directory.path(), "token.json", &text);
    for command in ["rotate", "check"] {
        let refused = scene.run(&[command, &format!("file:{}", path.display())]).await;
        assert_eq!(refused.exit, Some(1), "{command}");
        assert!(refused.error().1.contains("genesys-rotator adopt"), "{command}: {}", refused.stderr);
    }
    assert_eq!(read(&path), json!({"region": "eu-west-1", "client_id": CLIENT_ID}));
    let lease = std::fs::read_to_string(path.with_extension("json.rotation")).unwrap_or_default();
    assert!(!lease.contains("lease"), "{lease}");
}
