//! `check` of a client's token duration and of admin credentials, and the changes of `--fix`.

use aws_sdk_secretsmanager::types::RotationRulesType;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

use super::{CLIENT_ID, CLIENT_SECRET, FUNCTION_ARN, Scene, document, write};

const NAME: &str = "prod/genesys";
const SECOND_ID: &str = "5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10";
const CLIENT: &str = "/api/v2/oauth/clients/{id}";

/// A client with these permissions and a token duration of 1 h, and a secret that is rotated every 4 h.
async fn hourly(permissions: Option<&[&str]>) -> Scene {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(OAuthClient {
        name: "Pipelines".to_owned(),
        access_token_validity_seconds: Some(3_600),
        permissions: permissions.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        scope: vec!["oauth".to_owned(), "routing".to_owned()],
        date_to_delete: Some("2031-01-01T00:00:00.000Z".to_owned()),
        ..OAuthClient::new(CLIENT_ID, CLIENT_SECRET)
    });
    scene.rotating(NAME).await;
    scene.simulation.journal.clear();
    scene
}

/// A document with two clients, of which the first is active.
fn alternating(admin: &str) -> Value {
    json!({
        "region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "rotate": "client_secret",
        "clients": [
            {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
            {"client_id": SECOND_ID, "client_secret": "hush-second"},
        ],
        "admin_credentials": admin,
    })
}

/// The document of the admin of these clients.
fn admin(secret: &str, rotates: &[&str]) -> Value {
    json!({"region": "eu-west-1", "client_id": "the-admin", "client_secret": secret, "rotates": rotates})
}

/// A missing permission, which is not retried.
pub fn forbidden() -> Effect {
    Effect::Answer(FaultAnswer::new(
        StatusCode::FORBIDDEN,
        "application/json",
        r#"{"code":"missing.permissions","message":"oauth:client:edit"}"#,
    ))
}

impl Scene {
    fn own_client(&self) -> OAuthClient {
        let clients = self.simulation.genesys.clients();
        clients.into_iter().find(|client| client.id == CLIENT_ID).expect("the file exists")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_duration_is_printed_if_the_client_may_read_it() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["check", &typed]).await;
    assert!(transcript.stdout.contains("(its token duration is 86400 s)"), "{}", transcript.stdout);
    let report = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    assert_eq!((&report["ok"], &report["token_duration"]), (&true.into(), &86_400.into()));
    assert!(report.get("raised").is_none() && report.get("admin").is_none());
    scene.simulation.genesys.add_client(OAuthClient { permissions: Some(Vec::new()), ..scene.own_client() });
    let transcript = scene.run(&["check", &typed, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!(
        (&report["ok"], &report["token_duration"], transcript.stderr.as_str()),
        (&true.into(), &Value::Null, "")
    );
    assert!(scene.simulation.genesys.live_tokens().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_raises_the_token_duration_and_changes_nothing_else() {
    let scene = hourly(None).await;
    let refused = scene.run(&["check", NAME]).await;
    assert_eq!(refused.exit, Some(1));
    assert!(refused.error().1.contains("`check --fix`"), "{}", refused.stderr);
    assert_eq!(scene.own_client().access_token_validity_seconds, Some(3_600), "check without --fix changes nothing");
    let before = scene.own_client();
    scene.simulation.journal.clear();
    let transcript = scene.run(&["check", NAME, "--fix"]).await;
    // The check and the raise read it twice each: no request is repeated.
    assert_eq!(scene.simulation.journal.count(&format!("GET {CLIENT}")), 4);
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{}", transcript.stdout);
    let line = format!("ok   raised the token duration of client {CLIENT_ID} from 3600 s to 21600 s\n");
    assert!(transcript.stdout.contains(&line), "{}", transcript.stdout);
    assert!(transcript.stdout.ends_with("ready to rotate; nothing was stored\n"), "{}", transcript.stdout);
    let after = scene.own_client();
    assert_eq!(after.access_token_validity_seconds, Some(21_600));
    assert_eq!((after.name, after.grant, after.state), (before.name, before.grant, before.state));
    assert_eq!((after.scope, after.role_divisions), (before.scope, before.role_divisions));
    assert_eq!(after.date_to_delete, before.date_to_delete);
    scene.simulation.journal.clear();
    let again = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
    assert_eq!((again.exit, again.json()[0].get("raised")), (Some(0), None));
    assert_eq!(scene.simulation.journal.count(&format!("PUT {CLIENT}")), 0, "the duration is sufficient already");
    let current = scene.current(NAME)["access_token"].as_str().map(str::to_owned);
    assert_eq!(scene.simulation.genesys.live_tokens(), Vec::from_iter(current), "no other token is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_is_reported_as_json_and_survives_a_lost_response() {
    let scene = hourly(None).await;
    scene.simulation.faults.add(Fault::once(&format!("PUT {CLIENT}"), Effect::LoseAnswer));
    let transcript = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["ok"]), (Some(0), &true.into()), "{}", transcript.stderr);
    assert_eq!(report["raised"], json!([{"client_id": CLIENT_ID, "from": 3_600, "to": 21_600}]));
    assert_eq!((&report["token_duration"], &report["token_lifetime_needed"]), (&21_600.into(), &18_000.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_without_permission_explains_the_manual_change() {
    let scene = hourly(Some(&["oauth:client:view"])).await;
    for permissions in [&["oauth:client:view"][..], &[]] {
        let permissions = Some(permissions.iter().map(|name| (*name).to_owned()).collect());
        scene.simulation.genesys.add_client(OAuthClient { permissions, ..scene.own_client() });
        let transcript = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
        assert_eq!((transcript.exit, &transcript.json()[0]["error"]["type"]), (Some(1), &"TokenLifeTooShort".into()));
        let (error, hint) = transcript.error();
        assert!(error.contains("could not be raised: ") && error.contains("oauth:client:"), "{error}");
        let client = format!("Token Duration of the OAuth client {CLIENT_ID} to 21600 s in ");
        assert!(hint.contains(&client) && hint.contains("Admin > Integrations > OAuth"), "{hint}");
        assert_eq!(scene.own_client().access_token_validity_seconds, Some(3_600));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_explains_a_duration_that_the_organization_does_not_allow_and_repeats_any_other_bad_request() {
    for (code, is_rejected) in [("invalid.value", true), ("bad.request", false)] {
        let scene = hourly(None).await;
        let body = json!({"code": code}).to_string();
        let answer = Effect::Answer(FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", body));
        scene.simulation.faults.add(Fault::once(&format!("PUT {CLIENT}"), answer));
        let transcript = scene.run(&["check", NAME, "--fix"]).await;
        assert_eq!(transcript.exit, Some(i32::from(is_rejected)), "{code}: {}", transcript.stderr);
        let said = "the organization does not allow a token duration of 21600 s";
        assert_eq!(transcript.stderr.contains(said), is_rejected, "{code}: {}", transcript.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_does_not_raise_the_duration_for_a_schedule_that_exceeds_the_maximum() {
    let scene = hourly(None).await;
    let rules = RotationRulesType::builder().schedule_expression("rate(10 days)").duration("3h").build();
    let set_up = scene.aws.rotate_secret().secret_id(NAME).rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules);
    set_up.send().await.expect("the rotation starts");
    scene.simulation.secrets_manager.settled().await;
    let transcript = scene.run(&["check", NAME, "--fix"]).await;
    assert_eq!(transcript.exit, Some(1));
    let (error, hint) = transcript.error();
    assert!(
        error.contains("longer than the maximum token duration") && hint.contains("rotate more often"),
        "{error}: {hint}"
    );
    assert_eq!(scene.own_client().access_token_validity_seconds, Some(3_600));
}

#[tokio::test(flavor = "multi_thread")]
async fn fix_with_admin_credentials_raises_both_alternating_clients() {
    let scene = Scene::new().await;
    let hour = |id: &str, secret: &str| OAuthClient {
        access_token_validity_seconds: Some(3_600),
        permissions: Some(Vec::new()),
        ..OAuthClient::new(id, secret)
    };
    scene.simulation.genesys.add_client(hour(CLIENT_ID, CLIENT_SECRET));
    scene.simulation.genesys.add_client(hour(SECOND_ID, "hush-second"));
    scene.simulation.genesys.add_client(OAuthClient::new("the-admin", "hush-admin"));
    let admin = admin("hush-admin", &[CLIENT_ID, SECOND_ID]);
    for (name, value) in [("admin", admin), (NAME, alternating("admin"))] {
        let create = scene.aws.create_secret().name(name).secret_string(value.to_string());
        create.send().await.expect("the secret is created");
    }
    let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    let set_up = scene.aws.rotate_secret().secret_id(NAME).rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules);
    set_up.send().await.expect("the rotation starts");
    scene.simulation.secrets_manager.settled().await;
    scene.simulation.faults.add(Fault::once(&format!("PUT {CLIENT}"), forbidden()).after(1));
    let half = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
    let report = &half.json()[0];
    let row = |id: &str| json!({"client_id": id, "from": 3_600, "to": 21_600});
    assert_eq!((half.exit, &report["raised"]), (Some(1), &json!([row(SECOND_ID)])), "{}", half.stderr);
    assert_eq!(report["error"]["type"], "PermissionMissing", "the other client becomes active next");
    let current = scene.current(NAME);
    assert_eq!(current["client_id"], SECOND_ID);
    scene.simulation.genesys.add_client(hour(SECOND_ID, current["client_secret"].as_str().expect("a secret")));
    let whole = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
    assert_eq!((whole.exit, &whole.json()[0]["raised"]), (Some(0), &json!([row(SECOND_ID), row(CLIENT_ID)])));
    scene.simulation.genesys.add_client(hour(SECOND_ID, current["client_secret"].as_str().expect("a secret")));
    let other = scene.run(&["check", NAME, "--fix", "--output", "json"]).await;
    assert_eq!((other.exit, &other.json()[0]["raised"]), (Some(0), &json!([row(SECOND_ID)])), "one is sufficient");
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_credentials_are_checked_without_generating_a_secret() {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(OAuthClient::new(SECOND_ID, "hush-second"));
    scene.simulation.genesys.add_client(OAuthClient::new("the-admin", "hush-admin"));
    let admin = |secret: &str| admin(secret, &[CLIENT_ID, SECOND_ID]);
    let path = write(scene.directory.path(), "admin.json", &admin("hush-admin").to_string());
    let document = alternating(&path.display().to_string());
    let typed = format!("file:{}", write(scene.directory.path(), "token.json", &document.to_string()).display());
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{}", transcript.stdout);
    assert!(transcript.stdout.contains("ok   exchange the admin credentials of client the-admin, and read the client"));
    assert!(
        transcript.stdout.contains(&format!("may generate a new secret for client {SECOND_ID} (oauth:client:edit"))
    );
    let report = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    let expected =
        json!({"client_id": "the-admin", "idle_client_id": SECOND_ID, "sees_idle_client": true, "may_edit": null});
    assert_eq!((&report["admin"], &report["tried"][4]["stage"]), (&expected, &"admin".into()));
    let blind = OAuthClient { permissions: Some(Vec::new()), ..OAuthClient::new("the-admin", "hush-admin") };
    scene.simulation.genesys.add_client(blind);
    let report = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    assert_eq!((&report["ok"], &report["admin"]["sees_idle_client"]), (&true.into(), &false.into()));
    write(scene.directory.path(), "admin.json", &admin("hush-wrong").to_string());
    let transcript = scene.run(&["check", &typed, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"CredentialsRejected".into()));
    assert_eq!(report["tried"][4], json!({"stage": "admin", "outcome": "failed"}));
    assert!(transcript.error().0.contains("the admin credentials: "), "{}", transcript.stderr);
    assert!(scene.simulation.genesys.live_tokens().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_an_admin_whose_document_does_not_list_the_clients() {
    let scene = Scene::new().await;
    scene.simulation.genesys.add_client(OAuthClient::new(SECOND_ID, "hush-second"));
    scene.simulation.genesys.add_client(OAuthClient::new("the-admin", "hush-admin"));
    let path = write(scene.directory.path(), "admin.json", &admin("hush-admin", &[CLIENT_ID]).to_string());
    let document = alternating(&path.display().to_string());
    let typed = format!("file:{}", write(scene.directory.path(), "token.json", &document.to_string()).display());
    let transcript = scene.run(&["check", &typed, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"DocumentInvalid".into()));
    assert_eq!(report["tried"][4], json!({"stage": "admin", "outcome": "failed"}));
    let (error, hint) = transcript.error();
    assert!(error.contains("rotates") && error.contains(SECOND_ID) && !error.contains(CLIENT_ID), "{error}");
    assert!(hint.contains(&format!("add \"{SECOND_ID}\"")), "{hint}");
    write(scene.directory.path(), "admin.json", &{
        let mut admin = admin("hush-admin", &[CLIENT_ID, SECOND_ID]);
        admin["used_by"] = json!(["token.json"]);
        admin.to_string()
    });
    let permitted = scene.run(&["check", &typed]).await;
    assert_eq!((permitted.exit, permitted.stderr.as_str()), (Some(0), ""), "{}", permitted.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn used_by_names_files_relative_to_its_own_folder_also_through_symbolic_links() {
    let scene = Scene::new().await;
    let folder = |name: &str| {
        let folder = scene.directory.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        folder
    };
    let (own, other) = (folder("own"), folder("other"));
    let private = json!({
        "region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "used_by": ["token.json"],
    });
    let path = write(&own, "private.json", &private.to_string());
    // Resolved from the folder of the link, the entry would list the other folder's document.
    let link = other.join("private.json");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    for (folder, named, is_permitted) in [(&own, &path, true), (&other, &path, false), (&other, &link, false)] {
        let document = json!({"credentials": named.display().to_string()}).to_string();
        let typed = format!("file:{}", write(folder, "token.json", &document).display());
        scene.simulation.journal.clear();
        let transcript = scene.run(&["check", &typed]).await;
        assert_eq!(transcript.exit, Some(i32::from(!is_permitted)), "{}", transcript.stderr);
        if !is_permitted {
            let (error, hint) = transcript.error();
            assert!(error.contains("used_by does not contain"), "{error}");
            assert!(hint.contains("/other/token.json"), "{hint}");
            assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "no credentials were sent");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_warns_if_its_token_was_not_revoked() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    scene.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", forbidden()));
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stdout.contains("FAIL revoke the token\n"), "{}", transcript.stdout);
    assert!(transcript.stderr.contains("was not revoked and stays valid until it expires: "), "{}", transcript.stderr);
    let report = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    assert_eq!((&report["ok"], &report["unrevoked"]["type"]), (&true.into(), &"PermissionMissing".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_field_or_region_is_an_error_that_names_the_nearest_one() {
    let scene = Scene::new().await;
    for (field, value, message, hint) in [
        ("rotat", json!("client_secret"), r#"unknown field "rotat"; did you mean "rotate"?"#, "rename it"),
        ("admin_credential", json!("x"), r#"did you mean "admin_credentials"?"#, "rename it"),
        ("region", json!("eu-wset-1"), "unknown Genesys Cloud region", "did you mean eu-west-1?"),
    ] {
        let mut document = document(CLIENT_SECRET);
        document[field] = value;
        let path = write(scene.directory.path(), "wrong.json", &document.to_string());
        let transcript = scene.run(&["check", &format!("file:{}", path.display())]).await;
        let (error, hinted) = transcript.error();
        assert!(
            transcript.exit == Some(1) && error.contains(message) && hinted.contains(hint),
            "{}",
            transcript.stderr
        );
    }
    assert!(scene.simulation.journal.calls().is_empty(), "no credentials were sent");
    let mut own = document(CLIENT_SECRET);
    own["team"] = json!("contact");
    let path = write(scene.directory.path(), "own.json", &own.to_string());
    let typed = format!("file:{}", path.display());
    assert!(scene.run(&["check", &typed]).await.stdout.contains("note fields of your own, which rotations keep: "));
    let fields = scene.run(&["check", &typed, "--output", "json"]).await.json()[0]["kept_fields"].clone();
    assert!(fields.as_array().is_some_and(|fields| fields.contains(&json!("team"))), "{fields}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_name_that_is_a_file_is_ambiguous() {
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "genesys.json", &document(CLIENT_SECRET).to_string());
    let typed = path.display().to_string();
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!(transcript.exit, Some(2), "{}", transcript.stderr);
    assert!(transcript.error().1.contains(&format!("use file:{typed}, or aws:{typed}")), "{}", transcript.stderr);
}
