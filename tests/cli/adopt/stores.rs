//! The states of the secret and of its store from which a client is adopted.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};
use simulators::genesys::OAuthClient;

use crate::bao::{Bao, ROOT};
use crate::{CLIENT_ID, CLIENT_SECRET, SECOND, STEPS, Scene, document, output, read, steps, write};

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";

impl Scene {
    /// Waits until the platform accepts the client's present secret.
    async fn propagated(&self) {
        let (http, secret) = (reqwest::Client::new(), self.secret_of(CLIENT_ID));
        let url = format!("{}/oauth/token", self.simulation.genesys_url());
        loop {
            let request = http.post(&url).basic_auth(CLIENT_ID, Some(&secret)).body("grant_type=client_credentials");
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            if request.send().await.expect("an answer").status() == StatusCode::OK {
                return;
            }
            tokio::time::sleep(SECOND / 4).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_gets_a_document_that_only_its_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    for step in STEPS {
        assert!(done.stdout.contains(&format!("ok   {step}")), "{}", done.stdout);
    }
    scene.assert_adopted(&read(&path), "new file");
    assert_eq!(read(&path)["region"], "eu-west-1", "the administrator's");
    assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_ne!(scene.secret_of(CLIENT_ID), CLIENT_SECRET);
    let token = read(&path)["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(scene.simulation.genesys.live_tokens(), [token], "the administrator's token is revoked");
    let versions = std::fs::read_to_string(path.with_extension("json.rotation")).expect("the versions");
    assert!(!versions.contains("ahead") && !versions.contains("pending"), "{versions}");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_secrets_manager_are_adopted_whatever_they_hold() {
    let scene = Scene::new().await;
    let admin = scene.owner();
    let template = json!({"region": "eu-west-1", "clientId": CLIENT_ID, "probes": ["GET /api/v2/users/me"], "ours": 1});
    let mut probed = template.clone();
    probed["probes"] = json!(["GET /api/v2/routing/skills?pageSize=1"]);
    let in_place =
        json!({"region": "eu-west-1", "client_id": CLIENT_ID, "rotate": "client_secret", "accept_gap": true});
    let dead = document("hush-hush-dead-secret");
    for (name, value) in [
        ("missing", None),
        ("valueless", Some(None)),
        ("object", Some(Some("{}".to_owned()))),
        ("blank", Some(Some(" \n".to_owned()))),
        ("template", Some(Some(probed.to_string()))),
        ("in-place", Some(Some(in_place.to_string()))),
        ("dead", Some(Some(dead.to_string()))),
    ] {
        if let Some(value) = value {
            let create = scene.aws.create_secret().name(name).set_secret_string(value);
            create.send().await.expect("the secret is created");
        }
        let before = scene.secret_of(CLIENT_ID);
        let done = scene.adopt(name, &admin, &["--output", "json"]).await;
        assert_eq!(done.exit, Some(0), "{name}: {}", done.stderr);
        assert_eq!((&done.json()[0]["promoted"], steps(&done.json()[0]).len()), (&true.into(), 4), "{name}");
        assert_ne!(scene.secret_of(CLIENT_ID), before, "{name}: the secret is regenerated");
        let current = scene.current(name);
        match name {
            "template" => {
                assert_eq!((&current["ours"], &current["clientId"]), (&1.into(), &CLIENT_ID.into()));
                assert_eq!(current["client_secret"], scene.secret_of(CLIENT_ID));
            }
            _ => scene.assert_adopted(&current, name),
        }
        let versions = scene.simulation.secrets_manager.versions(name);
        let has = |label: &str| versions.iter().any(|version| version.labels.iter().any(|held| held == label));
        assert!(!has("AWSPENDING") && !has("ROTATOR_AHEAD"), "{name}: {versions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_reads_of_secrets_manager_settle() {
    let scene = Scene::new().await;
    let admin = scene.owner();
    for (stale_reads, value) in [1, 2, 4].into_iter().flat_map(|reads| [(reads, None), (reads, Some("{}"))]) {
        let name = format!("stale-{stale_reads}-{}", value.is_some());
        if let Some(value) = value {
            let create = scene.aws.create_secret().name(&name).secret_string(value);
            create.send().await.expect("the secret is created");
        }
        scene.simulation.secrets_manager.set(|knobs| knobs.stale_reads = stale_reads);
        let done = scene.adopt(&name, &admin, &[]).await;
        assert_eq!(done.exit, Some(0), "{name}: {}", done.stderr);
        scene.simulation.secrets_manager.set(|knobs| knobs.stale_reads = 0);
        scene.assert_adopted(&scene.current(&name), &name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_works_is_not_regenerated_again() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.file("token.json"));
    for _ in 0..2 {
        let before = read(&path);
        let done = scene.adopt(&typed, &admin, &[]).await;
        assert_eq!(done.exit, Some(0), "{}", done.stderr);
        assert_eq!(scene.secret_of(CLIENT_ID), CLIENT_SECRET);
        assert_ne!(read(&path)["access_token"], before["access_token"], "the token is rotated");
    }
    assert_eq!(scene.simulation.journal.count(REGENERATE), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn kv_secrets_are_adopted_and_a_deleted_one_is_not_replaced() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    let admin = scene.owner();
    bao.put("team/empty", "{}").await;
    bao.put("team/deleted", "{}").await;
    bao.call("DELETE", "secret/data/team/deleted", Value::Null).await;
    for (path, exit) in [("team/new", 0), ("team/empty", 0), ("team/new", 0), ("team/deleted", 1)] {
        let typed = format!("vault:secret/{path}");
        let arguments = ["adopt", &typed, "--client", CLIENT_ID, "--admin", &admin, "--yes"];
        let mut command = scene.command(&arguments);
        command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", ROOT);
        let done = scene.without_log(output(command).await);
        assert_eq!(done.exit, Some(exit), "{path}: {}", done.stderr);
        if exit == 0 && path != "team/new" {
            scene.assert_adopted(&bao.get(path).await, path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_regeneration_is_repeated_when_it_is_no_longer_carried_out() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    scene.simulation.faults.add(Fault::once(REGENERATE, Effect::Late(2 * SECOND)));
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    assert_eq!(scene.simulation.journal.count(REGENERATE), 2);
    scene.assert_adopted(&read(&path), "after a lost answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_propagation_is_waited_for() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    scene.simulation.genesys.set(|knobs| knobs.secret_propagation = 3);
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    assert_eq!(scene.simulation.journal.count(REGENERATE), 1);
    scene.assert_adopted(&read(&path), "after the propagation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_time_ends_before_the_propagation_is_continued_with_the_same_secret() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    scene.simulation.genesys.set(|knobs| knobs.secret_propagation = 15);
    let timed_out = scene.adopt(&typed, &admin, &["--timeout", "14"]).await;
    assert_eq!(timed_out.exit, Some(1), "{}", timed_out.stdout);
    assert!(timed_out.error().1.contains("run the command again"), "{}", timed_out.stderr);
    super::expire_lease(&path);
    scene.propagated().await;
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.assert_adopted(&read(&path), "after the second run");
    assert_eq!(scene.simulation.journal.count(REGENERATE), 1, "the secret was written ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_a_person_regenerates_meanwhile_is_not_promoted() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    let (genesys, edits) = (scene.simulation.genesys.clone(), AtomicUsize::new(0));
    scene.simulation.faults.choose_with(move |operation, _| {
        // The validation of the staged token.
        if operation == "GET /api/v2/users/me" && edits.fetch_add(1, Ordering::Relaxed) == 0 {
            genesys.add_client(OAuthClient::new(CLIENT_ID, "hush-hush-regenerated-by-hand"));
        }
        None
    });
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.assert_adopted(&read(&path), "regenerated by hand");
    assert_eq!(scene.simulation.journal.count(REGENERATE), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_adoptions_at_once_end_with_one_working_document() {
    for store in ["aws", "file"] {
        let scene = Scene::new().await;
        let admin = scene.owner();
        let (path, file) = scene.new_file("new.json");
        // Without a lease, both would send this request.
        scene.simulation.faults.add(Fault::always(REGENERATE, Effect::DelayAnswer(SECOND)));
        let typed = if store == "aws" { "new" } else { &file };
        let (first, second) = tokio::join!(scene.adopt(typed, &admin, &[]), scene.adopt(typed, &admin, &[]));
        for done in [first, second] {
            assert_eq!(done.exit, Some(0), "{store}: {}", done.stderr);
        }
        let current = if store == "aws" { scene.current("new") } else { read(&path) };
        scene.assert_adopted(&current, store);
        assert_eq!(scene.simulation.journal.count(REGENERATE), 1, "{store}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_adopted_into_one_secret_do_not_mix() {
    let scene = Scene::new().await;
    let other = "5f3c8a52-0b0b-4e71-9d0c-6f2b3c9d1e10";
    scene.simulation.genesys.add_client(OAuthClient::new(other, "hush-hush-other-secret"));
    let admin = scene.owner();
    scene.edit_admin(|document| document["rotates"] = json!([CLIENT_ID, other]));
    let (path, typed) = scene.new_file("new.json");
    let adopt_other = ["adopt", typed.as_str(), "--client", other, "--admin", &admin, "--yes"];
    let (first, second) = tokio::join!(scene.adopt(&typed, &admin, &[]), scene.run(&adopt_other));
    assert_eq!([first.exit, second.exit].iter().filter(|exit| **exit == Some(0)).count(), 1);
    let current = read(&path);
    let id = current["client_id"].as_str().expect("an id");
    assert_eq!(current["client_secret"], scene.secret_of(id));
    let untouched = if id == other { CLIENT_ID } else { other };
    assert!(["hush-hush-other-secret", CLIENT_SECRET].contains(&scene.secret_of(untouched).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_document_that_was_staged_and_not_promoted_is_continued() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("token.json"));
    write(scene.directory.path(), "token.json", "{}");
    let staged = json!({"region": "eu-west-1", "client_id": CLIENT_ID}).to_string();
    let versions = json!({"pending": {"version": "6669da05-b1c8-4f49-97d9-c8e5bed98e20", "value": staged}}).to_string();
    write(scene.directory.path(), "token.json.rotation", &versions);
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.assert_adopted(&read(&path), "staged");
}
