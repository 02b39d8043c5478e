//! The crontab line and the systemd units: their commands are run with the environment of the scheduler.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use simulators::Simulation;
use tempfile::TempDir;

use super::stack::repository;
use super::{CLIENT, ROTATOR, output, simulate, stdout};

/// The secret in the examples.
const SECRET: &str = "vault:secret/team/genesys";

fn example(name: &str) -> String {
    std::fs::read_to_string(repository("infra/systemd").join(name)).expect("it can be read")
}

/// A directory with a document.
fn stored() -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let document = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    let path = place.path().join("genesys.json");
    std::fs::write(&path, document.to_string()).expect("it is written");
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("it is private");
    place
}

fn token(place: &TempDir) -> Option<String> {
    let text = std::fs::read_to_string(place.path().join("genesys.json")).expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    document["access_token"].as_str().map(str::to_owned)
}

/// The text with the secret replaced by the document in this directory.
fn in_file(text: &str, place: &TempDir) -> String {
    assert!(text.contains(SECRET), "{text}");
    text.replace(SECRET, &format!("file:{}/genesys.json", place.path().display()))
}

/// The `NAME=value` lines of a text.
fn assignments(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    lines.filter(|(name, _)| is_name(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Adds the simulator to an otherwise empty environment.
fn on_the_simulator(command: &mut Command, simulation: &Simulation) {
    let url = simulation.genesys_url();
    command.env("ROTATOR_LOGIN_URL", &url).env("ROTATOR_API_URL", &url);
}

/// Runs the crontab line as cron does: `SHELL -c`, with only the crontab's variables, HOME and LOGNAME.
async fn run_cron(place: &TempDir, simulation: &Simulation) -> Output {
    let crontab = in_file(&example("crontab"), place);
    let crontab = crontab.replace("/var/lib/genesys-rotator", &place.path().display().to_string());
    let line = crontab.lines().rfind(|line| line.starts_with(|first: char| first.is_ascii_digit())).expect("a line");
    let fields: Vec<_> = line.splitn(7, ' ').collect();
    assert_eq!((fields[5], line.contains('%')), ("genesys-rotator", false), "cron takes % for a line break");
    let variables = assignments(&crontab);
    let shell = &variables.iter().find(|(name, _)| name == "SHELL").expect("a shell").1;
    let mut command = Command::new(shell);
    command.args(["-c", fields[6]]).env_clear().envs(variables.clone());
    let programs = Path::new(ROTATOR).parent().expect("a directory").display().to_string();
    let path = &variables.iter().find(|(name, _)| name == "PATH").expect("a path").1;
    command.env("PATH", path.replace("/usr/local/bin", &programs)).env("HOME", place.path()).env("LOGNAME", fields[5]);
    on_the_simulator(&mut command, simulation);
    output(command).await
}

#[tokio::test]
async fn the_crontab_line_rotates_in_the_environment_of_cron() {
    let (simulation, place) = (simulate().await, stored());
    let done = run_cron(&place, &simulation).await;
    assert_eq!(stdout(&done), "");
    assert_eq!(token(&place), simulation.genesys.live_tokens().pop());
}

#[tokio::test]
async fn the_crontab_line_mails_an_error_and_does_not_overlap() {
    let (simulation, place) = (simulate().await, stored());
    let lock = place.path().join("cron.lock");
    let held = OpenOptions::new().create(true).truncate(false).write(true).open(lock).expect("a lock file");
    held.lock().expect("it is locked");
    let second = run_cron(&place, &simulation).await;
    assert_eq!((second.status.code(), second.stderr.len(), token(&place)), (Some(1), 0, None));
    File::unlock(&held).expect("it is unlocked");
    simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let failed = run_cron(&place, &simulation).await;
    let mail = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!((failed.status.code(), token(&place)), (Some(1), None));
    assert!(mail.contains("error: ") && mail.contains("hint: "), "{mail}");
}

/// The values of a setting in a unit.
fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

#[tokio::test]
async fn the_service_rotates_its_secrets_and_fails_with_them() {
    let (simulation, place) = (simulate().await, stored());
    let unit = example("genesys-rotator.service");
    assert_eq!(values(&unit, "Type"), ["oneshot"], "systemd starts no second run");
    assert_eq!(values(&unit, "OnFailure"), ["genesys-rotator-failed.service"]);
    assert_eq!(values(&unit, "EnvironmentFile"), ["/etc/genesys-rotator/environment"]);
    assert_eq!(values(&unit, "Environment"), ["VAULT_SECRET_ID_FILE=%d/secret-id"]);
    assert!(values(&unit, "LoadCredential")[0].starts_with("secret-id:"));
    let variables = assignments(&in_file(&example("environment"), &place));
    let secrets = &variables.iter().find(|(name, _)| name == "SECRETS").expect("secrets").1;
    // systemd replaces $NAME as a word by the words of the variable.
    let start = values(&unit, "ExecStart")[0].replace("$SECRETS", secrets);
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/genesys-rotator"));
    let run = async || {
        let mut command = Command::new(ROTATOR);
        command.args(start.split(' ').skip(1)).env_clear().envs(variables.clone());
        on_the_simulator(&mut command, &simulation);
        output(command).await
    };
    stdout(&run().await);
    let first = token(&place);
    assert_eq!(first, simulation.genesys.live_tokens().pop());
    simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert_eq!((run().await.status.code(), token(&place)), (Some(1), first));
}

/// `systemd-analyze` is optional. An exposure of 2 of 10 or more fails.
#[test]
fn systemd_accepts_the_units_and_their_sandbox() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let place = tempfile::tempdir().expect("a directory");
    let names = ["genesys-rotator.service", "genesys-rotator.timer", "genesys-rotator-failed.service"];
    let units = names.map(|name| {
        let unit = example(name).replace("/usr/local/bin/genesys-rotator", ROTATOR).replace("/usr/bin/logger", ROTATOR);
        let path = place.path().join(name);
        std::fs::write(&path, unit).expect("it is written");
        path
    });
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().expect("it runs");
    let complaints = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !complaints.contains("genesys-rotator"), "{complaints}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&units[0]);
    stdout(&security.output().expect("it runs"));
}
