//! Several accounts and regions in one run.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use simulators::{Simulation, SimulationSettings};

use super::{DATABASE, Scene, numbers};
use crate::bao::{Bao, ROOT};
use crate::{CLIENT_ID, CLIENT_SECRET, Transcript, aws_client, document, write};

/// Accounts with a profile each; the first one is that of the scene, and its simulator issues all tokens.
struct World {
    scenes: Vec<Scene>,
}

impl World {
    /// Accounts with so many secrets each, all with the same names.
    async fn new(accounts: usize, secrets: usize) -> Self {
        let scene = Scene::new().await;
        let mut tokens = Vec::new();
        for _ in 0..accounts * secrets {
            tokens.push(scene.mint().await);
        }
        let mut scenes = vec![scene];
        for _ in 1..accounts {
            let clients = vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())];
            let settings = SimulationSettings { clients, ..SimulationSettings::default() };
            let simulation = Simulation::start(settings).await.expect("the simulators start");
            let aws = aws_client(&simulation.secrets_manager_url());
            scenes.push(Scene { simulation, aws, directory: tempfile::TempDir::new().expect("a temporary directory") });
        }
        let mut tokens = tokens.into_iter();
        for scene in &scenes {
            for number in 0..secrets {
                let mut value = document(CLIENT_SECRET);
                value["access_token"] = tokens.next().expect("a token for each secret").into();
                value["token_type"] = "bearer".into();
                value["issued_at"] = "2026-01-02T03:04:05Z".into();
                value["expires_at"] = "2026-01-03T03:04:04Z".into();
                scene.holding(&format!("genesys/{number}"), &value.to_string(), &[]).await;
            }
        }
        let world = Self { scenes };
        let profile = |(number, scene): (usize, &Scene)| {
            let url = scene.simulation.secrets_manager_url();
            format!(
                "[profile account-{number}]\nregion = eu-west-1\nendpoint_url = {url}\n\
                 aws_access_key_id = AKID{number}\naws_secret_access_key = hush-hush-access-key\n"
            )
        };
        let text: String = world.scenes.iter().enumerate().map(profile).collect();
        write(world.scenes[0].directory.path(), "aws-config", &text);
        world
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let scene = &self.scenes[0];
        let mut command = scene.command(arguments);
        for name in ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_REGION"] {
            command.env_remove(name);
        }
        // The credentials in the environment are those of no account of the run.
        command.env("AWS_CONFIG_FILE", scene.directory.path().join("aws-config"));
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Transcript {
        self.scenes[0].run_command(self.command(arguments)).await
    }

    /// Writes an inventory with an entry for each account. Returns its path.
    fn inventory(&self, more: &str) -> String {
        let entry = |number| format!("[[aws]]\nprofiles = [\"account-{number}\"]\nprefix = \"genesys/\"\n");
        let entries: String = (0..self.scenes.len()).map(entry).collect();
        let path = write(self.scenes[0].directory.path(), "fleet.toml", &format!("{more}\n{entries}"));
        path.display().to_string()
    }
}

/// Collects the signatures of the following requests to Secrets Manager.
fn signatures(scene: &Scene) -> Arc<Mutex<Vec<String>>> {
    let signatures: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = signatures.clone();
    scene.simulation.faults.choose_with(move |_, headers| {
        let by = headers.get("authorization").and_then(|by| by.to_str().ok());
        seen.lock().expect("no panic").extend(by.filter(|by| by.starts_with("AWS4")).map(str::to_owned));
        None
    });
    signatures
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_checks_rotates_and_shows_the_secrets_of_all_accounts() {
    let world = World::new(5, 4).await;
    let fleet = world.inventory("");
    let checked = world.run(&["check", "--from", &fleet, "--output", "json"]).await;
    assert_eq!(checked.exit, Some(0), "{}", checked.stderr);
    assert_eq!(checked.summary()["ready"], 20);

    let rotate = ["rotate", "--from", &fleet, "--yes", "--local", "--output", "json"];
    let before: Vec<_> = world.scenes.iter().map(|scene| scene.token_of("genesys/3")).collect();
    let signatures: Vec<_> = world.scenes.iter().map(signatures).collect();
    let rotated = world.run(&rotate).await;
    assert_eq!((rotated.exit, rotated.summary()), (Some(0), numbers(&[("rotated", 20)])), "{}", rotated.stderr);
    let after: Vec<_> = world.scenes.iter().map(|scene| scene.token_of("genesys/3")).collect();
    assert!(before.iter().all(|token| !after.contains(token)));
    for (number, signatures) in signatures.iter().enumerate() {
        assert_eq!(rotated.about(&format!("account-{number}:genesys/3"))["promoted"], true);
        let signers = signatures.lock().expect("no panic");
        let is_own = |by: &String| by.contains(&format!("Credential=AKID{number}/"));
        assert!(!signers.is_empty() && signers.iter().all(is_own), "account {number}: {signers:?}");
    }

    let shown = world.run(&["status", "--from", &fleet, "--output", "json"]).await;
    assert_eq!(shown.exit, Some(0), "{}", shown.stderr);
    let names: BTreeSet<_> =
        shown.json().iter().map(|line| line["secret"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names.len(), 20);
    assert!(names.contains("account-4:genesys/0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_access_fails_alone() {
    let world = World::new(3, 2).await;
    world.scenes[1].simulation.secrets_manager.set(|settings| {
        settings.denied.insert("ListSecrets".to_owned());
    });
    let fleet = world.inventory("");
    let rotated = world.run(&["rotate", "--from", &fleet, "--yes", "--local", "--output", "json"]).await;
    assert_eq!((rotated.exit, rotated.summary()), (Some(1), numbers(&[("rotated", 4), ("failed", 1)])));
    assert_eq!(rotated.about("account-1:genesys/*")["error"]["type"], "StoreDenied");
    for command in ["check", "status"] {
        let shown = world.run(&[command, "--from", &fleet, "--output", "json"]).await;
        assert_eq!(shown.exit, Some(1), "{}", shown.stdout);
        assert_eq!(shown.about("account-1:genesys/*")["error"]["type"], "StoreDenied", "{command}");
    }
    let dry = world.run(&["rotate", "--from", &fleet, "--local", "--dry-run", "--output", "json"]).await;
    assert_eq!((dry.exit, &dry.about("account-1:genesys/*")["would"]), (Some(1), &"fail".into()));
    let metrics = world.run(&["status", "--from", &fleet, "--format", "openmetrics"]).await;
    assert!(metrics.stdout.contains(r#"{secret="account-1:genesys/*""#), "{}", metrics.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_in_which_nothing_matches_is_a_failure() {
    let world = World::new(2, 1).await;
    let delete = world.scenes[1].aws.delete_secret().secret_id("genesys/0").force_delete_without_recovery(true);
    delete.send().await.expect("the secret is deleted");
    let fleet = world.inventory("");
    let rotated = world.run(&["rotate", "--from", &fleet, "--yes", "--local", "--output", "json"]).await;
    assert_eq!((rotated.exit, rotated.summary()), (Some(1), numbers(&[("rotated", 1), ("failed", 1)])));
    assert_eq!(rotated.about("account-1:genesys/*")["error"]["type"], "SecretNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_and_regions_are_combined_and_a_profile_wins_over_the_environment() {
    let world = World::new(2, 1).await;
    let signatures = signatures(&world.scenes[1]);
    let places = ["--profile", "account-0", "--profile", "account-1", "--region", "eu-west-1", "--region", "us-east-1"];
    let shown = world.run(&[&["status", "genesys/0", "--output", "json"], &places[..]].concat()).await;
    let names: Vec<_> = shown.json().iter().map(|line| line["secret"].clone()).collect();
    let expected = ["account-0/eu-west-1", "account-1/eu-west-1", "account-0/us-east-1", "account-1/us-east-1"];
    assert_eq!(names, expected.map(|place| Value::from(format!("{place}:genesys/0"))));
    let regions =
        signatures.lock().expect("no panic").iter().filter_map(|by| by.split('/').nth(2).map(str::to_owned)).collect();
    assert_eq!(BTreeSet::from(["eu-west-1", "us-east-1"].map(str::to_owned)), regions);
    let one = world.run(&["status", "genesys/0", "--profile", "account-1", "--output", "json"]).await;
    assert_eq!((one.exit, &one.json()[0]["secret"]), (Some(0), &"genesys/0".into()), "{}", one.stderr);

    let unknown = world.run(&["status", "genesys/0", "--profile", "no-such"]).await;
    assert_eq!(unknown.exit, Some(1));
    assert!(unknown.error().0.contains("no-such"), "{}", unknown.stderr);
    let useless = world.run(&["status", "file:token.json", "--profile", "account-0"]).await;
    assert_eq!(useless.exit, Some(2), "{}", useless.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_names_its_region() {
    let world = World::new(1, 1).await;
    let arn = world.scenes[0].aws.describe_secret().secret_id("genesys/0").send().await.expect("a description");
    let arn = arn.arn().expect("an ARN").to_owned();
    assert!(arn.contains(":us-east-1:"), "{arn}");
    let signatures = signatures(&world.scenes[0]);
    let shown = world.run(&["status", &arn, "--profile", "account-0"]).await;
    assert_eq!(shown.exit, Some(0), "{}", shown.stderr);
    assert!(signatures.lock().expect("no panic").iter().all(|by| by.contains("/us-east-1/")));
    let elsewhere = world.run(&["status", &arn, "--region", "eu-west-1"]).await;
    assert_eq!(elsewhere.exit, Some(2), "{}", elsewhere.stderr);
}

/// A service that answers every request with the credentials of a role. Returns its address and the requests' bodies.
fn security_token_service() -> (String, Arc<Mutex<Vec<String>>>) {
    const ANSWER: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::210987654321:assumed-role/x/y</Arn><AssumedRoleId>A:y</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>hush-hush-access-key</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"#;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen_by_thread = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                length =
                    lower.strip_prefix("content-length: ").and_then(|text| text.trim().parse().ok()).unwrap_or(length);
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() {
                seen_by_thread.lock().expect("no panic").push(String::from_utf8_lossy(&body).into_owned());
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length";
                write!(reader.get_mut(), "{head}: {}\r\n\r\n{ANSWER}", ANSWER.len()).ok();
            }
        }
    });
    (url, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_an_account_is_assumed() {
    let scene = Scene::new().await;
    scene.with_token("genesys/0", &[]).await;
    let (url, requests) = security_token_service();
    let signatures = signatures(&scene);
    for (options, role) in [
        (&["--account", "123456789012"][..], "123456789012%3Arole%2Fgenesys-rotator-operator"),
        (&["--account", "123456789012", "--role-name", "other"], "123456789012%3Arole%2Fother"),
        (&["--role-arn", "arn:aws:iam::210987654321:role/ops"], "210987654321%3Arole%2Fops"),
    ] {
        let mut command = scene.command(&[&["status", "genesys/0"], options].concat());
        command.env("AWS_ENDPOINT_URL_STS", &url);
        let shown = scene.run_command(command).await;
        assert_eq!(shown.exit, Some(0), "{}", shown.stderr);
        let request = requests.lock().expect("no panic").pop().expect("a request");
        assert!(request.contains("Action=AssumeRole") && request.contains(role), "{request}");
        assert!(request.contains("RoleSessionName=genesys-rotator"), "{request}");
    }
    let signatures = signatures.lock().expect("no panic");
    assert!(signatures.len() >= 6 && signatures.iter().all(|by| by.contains("Credential=ASIAROLE/")), "{signatures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_names_folders_of_kv_and_files_too() {
    let Some(bao) = Bao::start() else { return };
    let world = World::new(1, 1).await;
    let scene = &world.scenes[0];
    let mut rotated = document(CLIENT_SECRET);
    for (field, text) in
        [("token_type", "bearer"), ("issued_at", "2026-01-02T03:04:05Z"), ("expires_at", "2026-01-03T03:04:04Z")]
    {
        rotated[field] = text.into();
    }
    let with_token = async || {
        let mut value = rotated.clone();
        value["access_token"] = scene.mint().await.into();
        value.to_string()
    };
    for path in ["genesys/a", "genesys/team/b", "other/c"] {
        bao.put(path, &with_token().await).await;
    }
    bao.put("genesys/database", DATABASE).await;
    let folder = scene.directory.path().join("tokens");
    fs::create_dir(&folder).expect("the folder is created");
    write(&folder, "d.json", &with_token().await);
    write(&folder, ".hidden.json", &with_token().await);
    write(&folder, "notes.txt", "no document");
    let fleet = world.inventory(r#"secrets = ["vault:secret/genesys/", "file:tokens/"]"#);
    let run = async |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("BAO_ADDR", &bao.url).env("BAO_TOKEN", ROOT);
        scene.run_command(command).await
    };
    for round in 0..2 {
        let rotated = run(&["rotate", "--from", &fleet, "--yes", "--local", "--output", "json"]).await;
        let expected = numbers(&[("rotated", 4), ("skipped", 1)]);
        assert_eq!((rotated.exit, rotated.summary()), (Some(0), expected), "round {round}: {}", rotated.stderr);
        assert_eq!(rotated.about("vault:secret/genesys/team/b")["promoted"], true);
        assert_eq!(rotated.about(&format!("file:{}/d.json", folder.display()))["promoted"], true);
    }
    let whole = world.inventory(r#"secrets = ["vault:secret/"]"#);
    let shown = run(&["status", "--from", &whole, "--output", "json"]).await;
    assert_eq!(shown.exit, Some(0), "{}", shown.stderr);
    let names: BTreeSet<_> =
        shown.json().iter().map(|line| line["secret"].as_str().expect("a name").to_owned()).collect();
    let expected = ["genesys/0", "vault:secret/genesys/a", "vault:secret/genesys/team/b", "vault:secret/other/c"];
    assert_eq!(names, expected.map(str::to_owned).into(), "staged versions are no secrets");
    // Readers of a deleted secret get 404, so it must not vanish.
    bao.call("DELETE", "secret/data/other/c", Value::Null).await;
    let shown = run(&["status", "--from", &whole, "--output", "json"]).await;
    assert_eq!(
        (shown.exit, &shown.about("vault:secret/other/c")["error"]["type"]),
        (Some(1), &"SecretNotFound".into())
    );
    let nothing = world.inventory(r#"secrets = ["vault:secret/nothing/"]"#);
    let failed = run(&["status", "--from", &nothing, "--output", "json"]).await;
    assert_eq!(
        (failed.exit, &failed.about("vault:secret/nothing/")["error"]["type"]),
        (Some(1), &"SecretNotFound".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_inventory_finds_the_files_beside_it_and_no_others() {
    let scene = Scene::new().await;
    let project = scene.directory.path().join("project");
    fs::create_dir_all(project.join("tokens/tokens")).expect("the folders are created");
    let mut new = document(CLIENT_SECRET);
    new["platform"] = "genesys-cloud".into();
    for name in ["a.json", "b.json", "tokens/a.json"] {
        write(&project.join("tokens"), name, &new.to_string());
    }
    let elsewhere = write(&project.join("tokens"), "tokens/a.json", &new.to_string());
    write(&project, "fleet.toml", r#"secrets = ["file:tokens/", "file:tokens/b.json"]"#);
    for (folder, path) in
        [(project.clone(), "fleet.toml"), (project.clone(), "./fleet.toml"), (project.join("tokens"), "../fleet.toml")]
    {
        let mut command = scene.command(&["rotate", "--from", path, "--include-new", "--yes", "--output", "json"]);
        command.current_dir(&folder);
        let rotated = scene.run_command(command).await;
        assert_eq!((rotated.exit, rotated.summary()), (Some(0), numbers(&[("rotated", 2)])), "{}", rotated.stderr);
        let before = crate::read(&project.join("tokens/a.json"))["access_token"].clone();
        assert!(before.is_string());
    }
    assert_eq!(crate::read(&elsewhere), new, "a file of the same name elsewhere is another one");
    // A named document is rotated whether or not it was rotated before, also if a folder lists it first.
    write(&project.join("tokens"), "b.json", &document(CLIENT_SECRET).to_string());
    let mut command = scene.command(&["rotate", "--from", "fleet.toml", "--yes", "--output", "json"]);
    command.current_dir(&project);
    let rotated = scene.run_command(command).await;
    assert_eq!((rotated.exit, rotated.summary()), (Some(0), numbers(&[("rotated", 2)])), "{}", rotated.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_and_every_failed_place_has_a_name_of_its_own() {
    let world = World::new(2, 1).await;
    world.scenes[1].simulation.secrets_manager.set(|settings| {
        settings.denied.insert("ListSecrets".to_owned());
    });
    let path = write(
        world.scenes[0].directory.path(),
        "names.toml",
        "secrets = [\"genesys/0\"]\n[[aws]]\nprofiles = [\"account-0\"]\nsecrets = [\"genesys/0\"]\n\
         [[aws]]\nprofiles = [\"account-1\"]\ntags = [\"team=a\"]\n[[aws]]\nprofiles = [\"account-1\"]\ntags = [\"team=b\"]\n",
    );
    let mut command = world.command(&["status", "--format", "openmetrics", "--from", &path.display().to_string()]);
    command.env("AWS_PROFILE", "account-0");
    let shown = world.scenes[0].run_command(command).await;
    let samples: Vec<_> = shown.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    let names: BTreeSet<_> = samples.iter().map(|line| line.rsplit_once(' ').map(|(name, _)| name)).collect();
    assert_eq!(samples.len(), names.len(), "{}", shown.stdout);
    for name in ["genesys/0", "account-0:genesys/0", "account-1:* team=a", "account-1:* team=b"] {
        assert!(shown.stdout.contains(&format!("secret=\"{name}\"")), "{name}: {}", shown.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_region_of_a_profile_wins_over_that_of_the_environment() {
    let world = World::new(1, 1).await;
    let signatures = signatures(&world.scenes[0]);
    let mut command = world.command(&["status", "genesys/0", "--profile", "account-0"]);
    command.env("AWS_REGION", "us-east-1");
    assert_eq!(world.scenes[0].run_command(command).await.exit, Some(0));
    let signatures = signatures.lock().expect("no panic");
    assert!(!signatures.is_empty() && signatures.iter().all(|by| by.contains("/eu-west-1/")), "{signatures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_filter_is_refused() {
    let world = World::new(1, 1).await;
    let path = write(world.scenes[0].directory.path(), "all.toml", "[[aws]]\nprofiles = [\"account-0\"]\n");
    let path = path.display().to_string();
    for command in [&["rotate", "--yes", "--local"][..], &["check"]] {
        let refused = world.run(&[command, &["--from", &path]].concat()).await;
        assert_eq!(refused.exit, Some(2), "{}", refused.stderr);
        assert!(refused.error().0.contains("selects every secret"), "{}", refused.stderr);
    }
    let missing = world.run(&["rotate", "--from", "/nonexistent.toml", "--yes"]).await;
    assert_eq!(missing.exit, Some(2));
    assert!(missing.error().0.contains("cannot be read"), "{}", missing.stderr);
}
