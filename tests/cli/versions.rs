//! Documents that a later version of the program wrote.

use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, Scene, read, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_a_later_version_is_kept() {
    let scene = Scene::new().await;
    let document = format!(
        r#"{{"region":"eu-west-1","later":{{"b":1.50,"a":[]}},"client_id":"{CLIENT_ID}","client_secret":"{CLIENT_SECRET}"}}"#
    );
    let path = write(scene.directory.path(), "later.json", &document);
    let transcript = scene.run(&["rotate", &format!("file:{}", path.display())]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    let text = std::fs::read_to_string(&path).expect("the file exists");
    assert!(text.contains(r#""later":{"b":1.50,"a":[]}"#));
    assert!(read(&path)["access_token"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_platform_token_or_rotate_value_is_rejected() {
    let scene = Scene::new().await;
    for field in ["platform", "token", "rotate"] {
        let mut document = json!({"region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "access_token": "kept"});
        document[field] = json!("of-a-later-version");
        let path = write(scene.directory.path(), &format!("{field}.json"), &document.to_string());
        let secret = format!("file:{}", path.display());
        let transcript = scene.run(&["rotate", &secret, "--output", "json"]).await;
        let report = &transcript.json()[0];
        let outcome = (&report["promoted"], &report["error"]["type"]);
        assert_eq!(outcome, (&Value::Bool(false), &json!("DocumentInvalid")), "{field}");
        assert_eq!(read(&path), document, "{field}");
    }
    assert_eq!(scene.simulation.genesys.minted(), 0);
}
