//! `revoke --client ID --admin SECRET`.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::{ClientState, OAuthClient};

use super::{ADMIN_ID, Scene};
use crate::bao::signal;
use crate::{CLIENT_ID, CLIENT_SECRET, SECOND, cxone, write};

const PUT: &str = "PUT /api/v2/oauth/clients/{id}";
const GET: &str = "GET /api/v2/oauth/clients/{id}";

fn disable<'a>(admin: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["revoke", "--client", CLIENT_ID, "--admin", admin, "--output", "json"], more].concat()
}

/// A client with every field that a PUT may have.
fn whole(state: ClientState) -> OAuthClient {
    let mut client = OAuthClient::new(CLIENT_ID, CLIENT_SECRET);
    client.name = "Reports".to_owned();
    client.access_token_validity_seconds = Some(7_200);
    client.scope = vec!["routing".to_owned()];
    client.date_to_delete = Some("2030-01-01T00:00:00.000Z".to_owned());
    client.state = state;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_has_no_tokens_and_an_enabled_one_gets_new_ones() {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(whole(ClientState::Active));
    let (path, typed) = scene.file("token.json");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let leaked = crate::read(&path)["access_token"].as_str().expect("a token").to_owned();
    scene.mint().await;
    let admin = scene.admin(|_| {});
    let transcript = scene.run_piped(&disable(&admin, &["--yes", "--token", "-"]), &leaked).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert_eq!(
        transcript.report(),
        json!({
            "client_id": CLIENT_ID, "client_name": "Reports", "state": "disabled", "previous_state": "active",
            "token_rejected": true, "error": null,
        })
    );
    assert!(transcript.stderr.contains("--enable`, and rotate"), "{}", transcript.stderr);
    assert_eq!(scene.simulation.genesys.live_tokens(), [""; 0], "also the admin's token is revoked");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(1), "it gets no new token");
    let transcript = scene.run_piped(&disable(&admin, &["--enable", "--token", "-"]), &leaked).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    let report = transcript.report();
    assert_eq!((&report["state"], &report["previous_state"]), (&"active".into(), &"disabled".into()));
    assert_eq!((&report["token_rejected"], scene.is_alive(&leaked)), (&true.into(), false));
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let kept = scene.simulation.genesys.clients().into_iter().find(|client| client.id == CLIENT_ID).expect("a client");
    let before = whole(ClientState::Active);
    assert_eq!(
        (kept.name, kept.access_token_validity_seconds, kept.scope, kept.role_divisions, kept.date_to_delete),
        (before.name, before.access_token_validity_seconds, before.scope, before.role_divisions, before.date_to_delete)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_disabled_already_is_not_written() {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(whole(ClientState::Disabled));
    let admin = scene.admin(|_| {});
    let transcript = scene.run(&["revoke", "--client", CLIENT_ID, "--admin", &admin, "--yes"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.contains("is disabled (before: disabled)"), "{}", transcript.stdout);
    assert_eq!(scene.simulation.journal.count(PUT), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_client_is_disabled_but_not_enabled() {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(whole(ClientState::Active));
    let leaked = scene.mint().await;
    scene.simulation.genesys.add_client(whole(ClientState::Inactive));
    assert!(scene.is_alive(&leaked), "an inactive client's tokens live on");
    let admin = scene.admin(|_| {});
    let transcript = scene.run(&disable(&admin, &["--enable"])).await;
    assert_eq!((transcript.exit, scene.state_of(CLIENT_ID)), (Some(1), ClientState::Inactive));
    assert!(transcript.error().0.contains("prepared for deletion"), "{}", transcript.stderr);
    let transcript = scene.run(&disable(&admin, &["--yes"])).await;
    assert_eq!((transcript.exit, scene.is_alive(&leaked)), (Some(0), false), "{}", transcript.stderr);
    assert_eq!(transcript.report()["previous_state"], "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_be_changed_is_an_error_with_a_reason() {
    for (id, admin, kind, words) in [
        ("5f3c8a52-0404-4e71-9d0c-6f2b3c9d1e10", None, "DocumentInvalid", "has no OAuth client"),
        (ADMIN_ID, None, "DocumentInvalid", "the admin's own"),
        (CLIENT_ID, Some(&["oauth:client:edit"][..]), "PermissionMissing", "oauth:client:view"),
        (CLIENT_ID, Some(&["oauth:client:view"]), "PermissionMissing", "oauth:client:edit"),
    ] {
        let scene = Scene::new().await;
        let leaked = scene.mint().await;
        let permissions = admin.map(|permissions| permissions.iter().map(|name| (*name).to_owned()).collect());
        let admin = scene.admin(|client| client.permissions = permissions);
        let transcript = scene.run(&["revoke", "--client", id, "--admin", &admin, "--yes", "--output", "json"]).await;
        let report = transcript.report();
        assert_eq!(
            (transcript.exit, &report["error"]["type"], &report["state"]),
            (Some(1), &kind.into(), &Value::Null)
        );
        assert!(transcript.error().0.contains(words), "{}", transcript.stderr);
        assert_eq!(scene.simulation.genesys.live_tokens(), [leaked], "the admin's token is revoked, and no other");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_without_a_role_of_the_client_an_unknown_admin_and_cxone_are_refused() {
    let scene = Scene::new().await;
    let admin = scene.admin(|client| client.role_divisions.clear());
    let transcript = scene.run(&disable(&admin, &["--yes"])).await;
    assert_eq!((transcript.exit, &transcript.report()["error"]["type"]), (Some(1), &"PermissionMissing".into()));
    assert!(transcript.error().1.contains("every role of that client"), "{}", transcript.stderr);
    let path = write(scene.directory.path(), "cxone.json", &cxone::document(cxone::CLIENT, cxone::KEY).to_string());
    let transcript = scene.run(&disable(&format!("file:{}", path.display()), &["--yes"])).await;
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.error().1.contains("deactivate the access key"), "{}", transcript.stderr);
    let transcript = scene.run(&disable("prod/none", &["--yes"])).await;
    assert_eq!((transcript.exit, &transcript.report()["error"]["type"]), (Some(1), &"SecretNotFound".into()));
    assert_eq!(scene.state_of(CLIENT_ID), ClientState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_needs_a_confirmation() {
    let scene = Scene::new().await;
    let admin = scene.admin(|_| {});
    let transcript = scene.run(&disable(&admin, &[])).await;
    assert_eq!((transcript.exit, scene.simulation.journal.calls().len()), (Some(2), 0));
    assert!(transcript.error().1.contains("--yes"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_followed_by_another_request_and_a_read() {
    let scene = Scene::new().await;
    let leaked = scene.mint().await;
    let admin = scene.admin(|_| {});
    scene.simulation.faults.add(Fault::once(PUT, Effect::Late(2 * SECOND)));
    let transcript = scene.run(&disable(&admin, &["--yes"])).await;
    assert_eq!((transcript.exit, scene.is_alive(&leaked)), (Some(0), false), "{}", transcript.stderr);
    assert_eq!(transcript.report()["previous_state"], "active");
    assert!(scene.simulation.journal.count(PUT) >= 2, "the lost request was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_another_writer_enables_is_disabled_again() {
    for (times, exit) in [(1, 0), (usize::MAX, 1)] {
        let scene = Scene::new().await;
        let leaked = scene.mint().await;
        let admin = scene.admin(|_| {});
        let (genesys, edits) = (scene.simulation.genesys.clone(), AtomicUsize::new(0));
        // Before each read, the other writer stores the client as it was before.
        scene.simulation.faults.choose_with(move |operation, _| {
            let is_disabled = genesys.clients().iter().any(|client| client.state == ClientState::Disabled);
            if operation == GET && is_disabled && edits.fetch_add(1, Ordering::Relaxed) < times {
                genesys.add_client(OAuthClient::new(CLIENT_ID, CLIENT_SECRET));
            }
            None
        });
        let transcript = scene.run(&disable(&admin, &["--yes"])).await;
        assert_eq!(transcript.exit, Some(exit), "{}", transcript.stderr);
        assert!(!scene.is_alive(&leaked));
        let report = transcript.report();
        match exit {
            0 => assert_eq!((&report["state"], scene.state_of(CLIENT_ID)), (&"disabled".into(), ClientState::Disabled)),
            _ => assert!(transcript.error().0.contains("is active again"), "{}", transcript.stderr),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_effect_and_a_token_that_is_still_valid_are_failures() {
    let scene = Scene::new().await;
    let (leaked, admin) = (scene.mint().await, scene.admin(|_| {}));
    let other = OAuthClient::new("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush");
    scene.simulation.genesys.add_client(other.clone());
    let arguments = ["revoke", "--client", &other.id, "--admin", &admin, "--yes", "--token", "-", "--output", "json"];
    let transcript = scene.run_piped(&arguments, &leaked).await;
    let report = transcript.report();
    assert_eq!(
        (transcript.exit, &report["state"], &report["token_rejected"]),
        (Some(1), &"disabled".into(), &false.into())
    );
    assert!(transcript.error().1.contains("may belong to another client"), "{}", transcript.stderr);
    scene.simulation.genesys.set(|knobs| knobs.disabling_revokes_tokens = false);
    let transcript = scene.run_piped(&disable(&admin, &["--yes", "--token", "-"]), &leaked).await;
    assert_eq!((transcript.exit, scene.is_alive(&leaked)), (Some(1), true), "tokens outlive the client");
    assert_eq!(scene.run(&disable(&admin, &["--enable"])).await.exit, Some(0));
    let done = FaultAnswer::new(StatusCode::OK, "application/json", "{}");
    scene.simulation.faults.add(Fault::always(PUT, Effect::Answer(done)));
    let transcript = scene.run(&disable(&admin, &["--yes"])).await;
    assert_eq!((transcript.exit, &transcript.report()["state"]), (Some(1), &Value::Null));
    assert!(scene.is_alive(&leaked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_rejected_before_the_client_was_disabled_is_no_success() {
    let scene = Scene::new().await;
    let (typed, admin) = (scene.file("token.json").1, scene.admin(|_| {}));
    let stale = scene.mint().await;
    assert_eq!(scene.run_piped(&["revoke", "--token", "-", "--region", "mypurecloud.ie"], &stale).await.exit, Some(0));
    let arguments = disable(&admin, &["--yes", "--token", "-"]);
    let transcript = scene.run_piped(&arguments, &stale).await;
    let report = transcript.report();
    assert_eq!((transcript.exit, &report["state"]), (Some(1), &"disabled".into()), "{}", transcript.stderr);
    assert_eq!((&report["token_rejected"], &report["error"]["type"]), (&false.into(), &"TokenRejected".into()));
    let (error, hint) = transcript.error();
    assert!(error.contains("already rejects this token") && !error.contains("may be valid"), "{error}");
    assert!(hint.contains("region"), "{hint}");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(1), "the client is disabled");
    let again = scene.run_piped(&arguments, &stale).await;
    assert_eq!((again.exit, &again.report()["token_rejected"]), (Some(0), &true.into()), "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_revokes_the_admins_token() {
    let scene = Scene::new().await;
    let admin = scene.admin(|_| {});
    scene.simulation.faults.add(Fault::always(PUT, Effect::Hang));
    let mut command = scene.command(&disable(&admin, &["--yes"]));
    let child = command.stderr(std::process::Stdio::piped()).spawn().expect("the binary runs");
    while scene.simulation.journal.count(PUT) == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    signal(child.id(), "TERM");
    let done = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("the task completes");
    let done = done.expect("the process exits");
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("the client's state may have changed"));
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the admin's token is revoked");
}
