//! Tokens that the platform ends if they are not used: what `check` says, and `rotate --keep-alive`.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::genesys::OAuthClient;

use super::{CLIENT_ID, CLIENT_SECRET, Scene, Transcript, read};

const NAME: &str = "prod/genesys";
const MINUTE: Duration = Duration::from_secs(60);
const JSON: [&str; 2] = ["--output", "json"];

impl Scene {
    /// Ends tokens that are not used for 15 minutes, as a HIPAA organization does.
    fn end_idle_tokens(&self) {
        self.simulation.genesys.set(|settings| settings.idle_timeout = Some(900));
    }

    /// Whether the platform accepts the token of a document. This does not count as a use.
    fn accepts(&self, document: &Value) -> bool {
        let token = document["access_token"].as_str().expect("a token");
        self.simulation.genesys.owner_of(token).is_some()
    }

    async fn json(&self, arguments: &[&str]) -> (Transcript, Value) {
        let transcript = self.run(&[arguments, &JSON].concat()).await;
        let first = transcript.json()[0].clone();
        (transcript, first)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_shows_the_idle_time_out_and_warns_of_a_longer_schedule_without_using_the_token() {
    let scene = Scene::new().await;
    scene.end_idle_tokens();
    scene.rotating(NAME).await;
    let (transcript, report) = scene.json(&["check", NAME]).await;
    assert_eq!((transcript.exit, &report["ok"], &report["idle_timeout"]), (Some(0), &true.into(), &900.into()));
    let warning = "a token ends when it is not used for 15 min, and the schedule may replace it only after 5 h";
    assert_eq!((&report["warning"]["type"], &report["warning"]["message"]), (&"IdleTimeout".into(), &warning.into()));
    assert!(transcript.stderr.starts_with(&format!("warning: {NAME}: {warning}\nhint: ")), "{}", transcript.stderr);
    assert!(report["idles_at"].is_string(), "{report}");
    scene.simulation.genesys.advance(10 * MINUTE);
    let (_, later) = scene.json(&["check", NAME]).await;
    assert_eq!(later["idles_at"], report["idles_at"], "the current token was not used");
    let text = scene.run(&["check", NAME]).await.stdout;
    assert!(text.contains("  note the platform ends a token that is not used for 15 min\n"), "{text}");
    assert!(text.contains("  note the current token ends at 2"), "{text}");
    scene.simulation.genesys.advance(5 * MINUTE);
    let (transcript, ended) = scene.json(&["check", NAME]).await;
    assert_eq!((transcript.exit, &ended["ok"], &ended["idles_at"]), (Some(0), &true.into(), &Value::Null));
    let message = ended["warning"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("readers get a token that the platform rejects"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_known_where_clients_may_be_exempt_or_the_setting_needs_a_permission() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    scene
        .simulation
        .genesys
        .add_client(OAuthClient { permissions: Some(Vec::new()), ..OAuthClient::new(CLIENT_ID, CLIENT_SECRET) });
    for (exempt, needs_permission, idle_timeout, words) in [
        (false, false, json!(900), "  note the platform ends a token that is not used for 15 min\n"),
        (false, true, json!(900), "  note the platform ends a token that is not used for 15 min\n"),
        (true, false, json!(900), "the platform names no such end for tokens of this client\n"),
        (true, true, Value::Null, ""),
    ] {
        scene.end_idle_tokens();
        scene.simulation.genesys.set(|settings| {
            settings.idle_timeout_exempts_clients = exempt;
            settings.idle_timeout_needs_permission = needs_permission;
        });
        let (transcript, report) = scene.json(&["check", &typed]).await;
        assert_eq!((transcript.exit, &report["idle_timeout"]), (Some(0), &idle_timeout), "{exempt} {needs_permission}");
        assert_eq!((report.get("warning"), transcript.stderr.as_str()), (None, ""), "a file has no schedule");
        let text = scene.run(&["check", &typed]).await.stdout;
        assert!(text.contains(words), "{exempt} {needs_permission}: {text}");
    }
    scene.simulation.genesys.set(|settings| settings.idle_timeout = None);
    let text = scene.run(&["check", &typed]).await.stdout;
    assert!(!text.contains("not used"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_at_half_of_the_time_out_keeps_a_token_alive_for_two_hours() {
    let scene = Scene::new().await;
    scene.end_idle_tokens();
    let (path, typed) = scene.file("token.json");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let before = read(&path);
    for _ in 0..17 {
        scene.simulation.genesys.advance(7 * MINUTE);
        assert!(scene.accepts(&read(&path)));
        let (transcript, report) = scene.json(&["rotate", "--keep-alive", &typed]).await;
        assert_eq!((transcript.exit, &report["skipped"]["reason"]), (Some(0), &"accepted".into()), "{report}");
    }
    assert_eq!(read(&path), before, "nothing was rotated");
    let text = scene.run(&["rotate", "--keep-alive", &typed]).await.stdout;
    assert!(text.contains("the platform accepts its token, which ends at 2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_rotates_a_secret_whose_token_has_ended_and_only_that() {
    let scene = Scene::new().await;
    scene.end_idle_tokens();
    for name in ["prod/a", "prod/b"] {
        scene.rotating(name).await;
    }
    scene.simulation.genesys.advance(10 * MINUTE);
    assert_eq!(scene.run(&["rotate", "--keep-alive", "prod/b"]).await.exit, Some(0));
    scene.simulation.genesys.advance(10 * MINUTE);
    let (a, b) = (scene.current("prod/a"), scene.current("prod/b"));
    assert_eq!((scene.accepts(&a), scene.accepts(&b)), (false, true));
    let all = ["rotate", "--keep-alive", "--all", "--prefix", "prod/", "--yes"];
    let plan = scene.run(&[&all[..], &["--dry-run"]].concat()).await.stdout;
    assert!(plan.contains("rotate  prod/a") && plan.contains("skip    prod/b"), "{plan}");
    scene.simulation.genesys.advance(4 * MINUTE);
    let transcript = scene.run(&all).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.ends_with("1 rotated, 0 failed, 1 skipped, 0 revoked\n"), "{}", transcript.stdout);
    assert!(scene.accepts(&scene.current("prod/a")) && scene.current("prod/a") != a);
    assert_eq!(scene.current("prod/b"), b);
    scene.simulation.genesys.advance(14 * MINUTE);
    assert!(scene.accepts(&b), "the last run used it, and the dry run did not");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_rotates_nothing_if_the_platform_does_not_tell_whether_it_accepts_the_token() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    let (without, report) = scene.json(&["rotate", "--keep-alive", &typed]).await;
    assert_eq!((without.exit, &report["error"]["type"]), (Some(1), &"DocumentInvalid".into()), "it has no token yet");
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let before = read(&path);
    scene.simulation.genesys.set(|settings| settings.ip_not_authorized = true);
    let (refused, report) = scene.json(&["rotate", "--keep-alive", &typed]).await;
    assert_eq!((refused.exit, &report["error"]["type"]), (Some(1), &"IpNotAuthorized".into()));
    assert_eq!((read(&path), scene.simulation.genesys.minted()), (before, 1));
    let (_, cxone) = scene.file("cxone.json");
    let document = json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "access_token": "t",
        "client_id": super::cxone::CLIENT.0, "client_secret": super::cxone::CLIENT.1,
        "access_key_id": super::cxone::KEY.0, "access_key_secret": super::cxone::KEY.1,
    });
    super::write(scene.directory.path(), "cxone.json", &document.to_string());
    let transcript = scene.run(&["rotate", "--keep-alive", &cxone]).await;
    assert!(transcript.error().1.contains("only tokens of genesys-cloud"), "{}", transcript.stderr);
    let both = scene.run(&["rotate", "--keep-alive", "--older-than", "1h", &typed]).await;
    assert_eq!(both.exit, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_every_20_minutes_survives_a_time_out_of_30_minutes_for_a_day() {
    let scene = Scene::new().await;
    scene.simulation.genesys.set(|settings| settings.idle_timeout = Some(1_800));
    scene.rotating(NAME).await;
    for rotation in 0..72 {
        scene.simulation.genesys.advance(20 * MINUTE);
        scene.simulation.secrets_manager.advance(20 * MINUTE);
        scene.simulation.secrets_manager.settled().await;
        assert!(scene.accepts(&scene.current(NAME)), "rotation {rotation}");
        scene.aws.rotate_secret().secret_id(NAME).send().await.expect("the rotation starts");
        scene.simulation.secrets_manager.settled().await;
    }
    assert!(scene.simulation.genesys.minted() > 72, "each rotation issued a token");
}
