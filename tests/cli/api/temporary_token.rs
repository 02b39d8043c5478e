//! The temporary token of `api`, for a secret whose token the platform rejects.

use std::fs;
use std::process::Stdio;

use serde_json::json;
use simulators::faults::{Effect, Fault};

use super::{SKILLS, rotated};
use crate::bao::{signal, until};
use crate::{CLIENT_ID, CLIENT_SECRET, Scene, read, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_replaced_for_this_call_only() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let path = typed.strip_prefix("file:").expect("a file");
    let before = fs::read_to_string(path).expect("the file exists");
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["api", &typed, "GET", &format!("{SKILLS}?pageSize=30"), "--paginate"]).await;
    assert_eq!((transcript.exit, transcript.json().len()), (Some(0), 2), "{}", transcript.stderr);
    assert!(
        transcript.stderr.starts_with(&format!("warning: {typed}: the platform no longer accepts the token\nhint: "))
    );
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 1);
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the temporary token was revoked");
    assert_eq!(fs::read_to_string(path).expect("the file exists"), before, "nothing was stored");
    let missing = scene.run(&["api", &typed, "GET", "/api/v2/no/such/path"]).await;
    assert_eq!((missing.exit, &missing.json()[0]["code"]), (Some(1), &"not.found".into()));
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the temporary token was revoked after a failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_call_revokes_its_temporary_token() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    scene.simulation.genesys.revoke_all();
    let operation = format!("GET {SKILLS}");
    scene.simulation.faults.add(Fault::always(&operation, Effect::Hang).after(1));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    until("the second request hangs", async || scene.simulation.journal.count(&operation) == 2).await;
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 1);
    signal(child.id(), "INT");
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().expect("the process exits")).await;
    assert_eq!(done.expect("the task completes").status.code(), Some(1));
    assert!(scene.simulation.genesys.live_tokens().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_another_secret_issue_the_temporary_token() {
    let scene = Scene::new().await;
    let private = json!({"region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    let private = write(scene.directory.path(), "private.json", &private.to_string());
    for fields in [json!({}), json!({"region": "mypurecloud.ie"})] {
        let mut document = json!({"credentials": private.display().to_string(), "access_token": "dead"});
        document.as_object_mut().expect("a JSON object").extend(fields.as_object().expect("a JSON object").clone());
        let path = write(scene.directory.path(), "token.json", &document.to_string());
        let typed = format!("file:{}", path.display());
        let transcript = scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
        assert!(scene.simulation.genesys.live_tokens().is_empty());
    }
    // Credentials that another document may use issue no token for this one.
    let restricted = json!({
        "region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "used_by": ["other.json"],
    });
    write(scene.directory.path(), "private.json", &restricted.to_string());
    scene.simulation.journal.clear();
    let typed = format!("file:{}", scene.directory.path().join("token.json").display());
    let transcript = scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await;
    assert!(transcript.error().0.contains("used_by does not contain"), "{}", transcript.stderr);
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "no credentials were sent");
    // Without access to the credentials, the call uses the stored token.
    let typed = rotated(&scene).await;
    let path = typed.strip_prefix("file:").expect("a file");
    let token = read(path.as_ref())["access_token"].clone();
    let document = json!({"region": "eu-west-1", "credentials": "no-such-secret", "access_token": token});
    write(scene.directory.path(), "token.json", &document.to_string());
    assert_eq!(scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await.exit, Some(0));
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await;
    assert_eq!((transcript.exit, &transcript.json()[0]["code"]), (Some(1), &"bad.credentials".into()));
    assert!(transcript.error().0.contains("no temporary token can be issued"), "{}", transcript.stderr);
}
