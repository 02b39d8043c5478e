//! `support`: a bundle without secrets.

use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, Scene, document, output, write};

const HIDDEN: [(&str, &str); 6] = [
    ("VAULT_TOKEN", "hush-vault-token"),
    ("HTTPS_PROXY", "http://someone:hush-proxy-password@127.0.0.1:9"),
    ("AWS_SESSION_TOKEN", "hush-session-token"),
    ("BAO_SECRET_ID", "hush-secret-id"),
    ("VAULT_ADDR", "https://vault.example.com/hush-path?hush-query"),
    ("ROTATOR_UNKNOWN", "hush-unknown"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_holds_versions_settings_and_states_and_no_secret() {
    let scene = Scene::new().await;
    scene.rotating("prod/genesys").await;
    let (_, typed) = scene.file("token.json");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let mut odd = document("hush-other-client-secret");
    odd["hush-pasted-into-a-name"] = "hush-value".into();
    odd["credentials"] = "other".into();
    let odd = format!("file:{}", write(scene.directory.path(), "odd.json", &odd.to_string()).display());
    let broken = format!("file:{}", write(scene.directory.path(), "broken.json", "hush-not-json").display());
    let mut command = scene.command(&["support", "prod/genesys", &typed, &odd, &broken, "prod/none"]);
    command.envs(HIDDEN);
    let done = scene.without_log(output(command).await);
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    let stored = [scene.current("prod/genesys"), super::read(&scene.directory.path().join("token.json"))];
    let tokens = stored.iter().map(|document| document["access_token"].as_str().expect("a token"));
    for hidden in tokens.chain(["hush", CLIENT_SECRET, "AKIDEXAMPLE"]) {
        assert!(!done.stdout.contains(hidden), "{hidden}: {}", done.stdout);
    }
    assert!(done.stderr.contains("Read the bundle before you send it"), "{}", done.stderr);
    let bundle: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(bundle["program"]["version"], env!("CARGO_PKG_VERSION"));
    let value = |name: &str| {
        let variables = bundle["environment"].as_array().expect("a list").iter();
        variables.filter(|variable| variable["name"] == name).map(|variable| &variable["value"]).next()
    };
    assert_eq!(value("VAULT_ADDR"), Some(&"https://vault.example.com".into()));
    assert_eq!(value("HTTPS_PROXY"), Some(&"http://127.0.0.1:9".into()));
    assert_eq!((value("VAULT_TOKEN"), value("AWS_REGION")), (Some(&"(set)".into()), Some(&"us-east-1".into())));
    let [rotating, file, odd, broken, missing] = bundle["secrets"].as_array().expect("a list").as_slice() else {
        panic!("{bundle}")
    };
    assert_eq!((&rotating["rotation_enabled"], &rotating["schedule"]), (&true.into(), &"rate(4 hours)".into()));
    assert!(rotating["versions"].to_string().contains("AWSCURRENT"), "{rotating}");
    assert_eq!((&file["document"]["client_id"], &file["document"]["region"]), (&CLIENT_ID.into(), &"eu-west-1".into()));
    assert_eq!(file["document"]["other_fields"], 1);
    assert!(file["document"]["expires_at"].is_string() && file["error"].is_null());
    let fields = json!(["region", "client_id", "client_secret", "credentials"]);
    assert_eq!((&odd["document"]["fields"], &odd["document"]["other_fields"]), (&fields, &2.into()));
    assert_eq!(odd["document"]["error"]["type"], "DocumentInvalid");
    assert_eq!(broken["error"]["type"], "DocumentInvalid");
    assert_eq!(missing["error"]["type"], "SecretNotFound");
}
