//! `token`: a secret's token for pipelines.

mod github;

use std::fs;
use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::bao::Bao;
use super::{CLIENT_ID, CLIENT_SECRET, Scene, Transcript, cxone, document, output, read, run, write};

const KV_READER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/vault/policies/kv-reader.hcl"));
const REGION_AND_URL: &str = "GENESYSCLOUD_REGION='eu-west-1'\nGENESYSCLOUD_API_URL=";

/// Creates a rotated file secret. Returns its reference and its token.
pub async fn rotated(scene: &Scene) -> (String, String) {
    let (path, typed) = scene.file("token.json");
    let transcript = scene.run(&["rotate", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    scene.simulation.journal.clear();
    (typed, read(&path)["access_token"].as_str().expect("a token").to_owned())
}

/// Runs a command that may print the token, but no other secret, and only on stdout.
pub async fn shown(scene: &Scene, command: Command) -> Transcript {
    let Transcript { stdout, stderr, exit } = output(command).await;
    assert!(!stdout.contains(CLIENT_SECRET), "{stdout}");
    let rest = scene.without_log(Transcript { stdout: String::new(), stderr, exit });
    Transcript { stdout, ..rest }
}

async fn token(scene: &Scene, arguments: &[&str]) -> Transcript {
    shown(scene, scene.command(&[&["token"], arguments].concat())).await
}

/// Creates a file secret with these fields besides its credentials.
fn stored(scene: &Scene, name: &str, fields: Value) -> String {
    let mut whole = document(CLIENT_SECRET);
    whole.as_object_mut().expect("a JSON object").extend(fields.as_object().expect("a JSON object").clone());
    format!("file:{}", write(scene.directory.path(), name, &whole.to_string()).display())
}

fn denied(operation: &str) -> Fault {
    let body = json!({"__type": "AccessDeniedException", "message": "not authorized to perform this"});
    let answer = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body.to_string());
    Fault::always(operation, Effect::Answer(answer))
}

fn sh(script: &str) -> String {
    let done = Command::new("sh").args(["-euc", script]).env_clear().output().expect("a shell");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_printed_in_each_format() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    let printed = token(&scene, &[&typed]).await;
    assert_eq!((printed.exit, printed.stdout, printed.stderr.as_str()), (Some(0), format!("{value}\n"), ""));
    let header = token(&scene, &[&typed, "--format", "header"]).await;
    assert_eq!(header.stdout, format!("Authorization: Bearer {value}\n"));
    let variables = token(&scene, &[&typed, "--format", "env"]).await.stdout;
    let url = scene.simulation.genesys_url();
    assert_eq!(variables, format!("GENESYSCLOUD_ACCESS_TOKEN='{value}'\n{REGION_AND_URL}'{url}'\n"));
    assert_eq!(sh(&format!("{variables}printf %s \"$GENESYSCLOUD_ACCESS_TOKEN\"")), value);
    assert!(scene.simulation.journal.calls().is_empty(), "the platform was not called");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_fields_of_the_secrets_engine() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    for arguments in [["--format", "json"], ["--output", "json"]] {
        let printed = token(&scene, &[&[typed.as_str()], &arguments[..]].concat()).await;
        let answer = printed.json().remove(0);
        let names: Vec<_> = answer.as_object().expect("a JSON object").keys().collect();
        assert_eq!(names, ["access_token", "token_type", "expires_at", "ttl", "api_url"]);
        let document = read(Path::new(typed.strip_prefix("file:").expect("a file")));
        assert_eq!((&answer["access_token"], &answer["token_type"]), (&json!(value), &json!("bearer")));
        assert_eq!(answer["expires_at"], document["expires_at"]);
        assert!(answer["ttl"].as_u64().is_some_and(|ttl| (86_000..86_400).contains(&ttl)), "{answer}");
        assert_eq!(answer["api_url"], scene.simulation.genesys_url());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contradicting_options_are_wrong_usage() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    for arguments in [
        &["--output", "json", "--format", "env"][..],
        &["--output", "json", "--github-env", "A"],
        &["--format", "raw", "--github-env", "A"],
        &["--minimum-life", "1 month"],
    ] {
        let refused = token(&scene, &[&[typed.as_str()], arguments].concat()).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        refused.error();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_aws_a_reader_needs_only_get_secret_value() {
    let scene = Scene::new().await;
    scene.rotating("prod/genesys").await;
    let value = scene.current("prod/genesys")["access_token"].as_str().expect("a token").to_owned();
    scene.simulation.journal.clear();
    scene.simulation.faults.add(denied("DescribeSecret"));
    let printed = token(&scene, &["prod/genesys"]).await;
    assert_eq!((printed.exit, printed.stdout), (Some(0), format!("{value}\n")), "{}", printed.stderr);
    let called: Vec<_> = scene.simulation.journal.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(called, ["GetSecretValue"]);
    let called = scene.run(&["api", "prod/genesys", "GET", "/api/v2/tokens/me"]).await;
    assert_eq!(called.exit, Some(0), "{}", called.stderr);
    let missing = token(&scene, &["prod/other"]).await;
    let message = "prod/other: the secret prod/other does not exist or has no current value";
    assert_eq!((missing.exit, missing.error().0), (Some(1), message));
    scene.simulation.faults.clear();
    let missing = token(&scene, &["prod/other"]).await;
    assert!(missing.error().0.starts_with("prod/other: secret prod/other does not exist in this account and region"));
    scene.simulation.faults.add(denied("GetSecretValue"));
    let (exit, error) =
        (token(&scene, &["prod/genesys"]).await, "is denied secretsmanager:GetSecretValue on prod/genesys");
    assert!(exit.exit == Some(1) && exit.error().0.contains(error), "{}", exit.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_kv_a_reader_needs_only_read_on_the_path() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    bao.put("team/genesys", &document(CLIENT_SECRET).to_string()).await;
    let run = async |command: &str, login: &str| {
        let mut command = scene.command(&[command, "vault:secret/team/genesys"]);
        command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", login);
        shown(&scene, command).await
    };
    let reader = bao.token(KV_READER).await;
    let (error, hint) = ("vault:secret/team/genesys: the secret secret/team/genesys holds no token yet", "rotate");
    let empty = run("token", &reader).await;
    assert!(empty.exit == Some(1) && empty.error().0 == error && empty.error().1.contains(hint), "{}", empty.stderr);
    assert_eq!(run("rotate", &bao.root).await.exit, Some(0));
    let printed = run("token", &reader).await;
    let value = bao.get("team/genesys").await["access_token"].as_str().expect("a token").to_owned();
    assert_eq!((printed.exit, printed.stdout), (Some(0), format!("{value}\n")), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_or_one_that_expires_too_soon_is_not_printed() {
    let scene = Scene::new().await;
    let dead = stored(&scene, "dead.json", json!({"access_token": "hush", "expires_at": "2026-01-02T03:04:05Z"}));
    let (alive, _) = rotated(&scene).await;
    for (typed, arguments, words) in [
        (&dead, &["--format", "env"][..], "the token expired at 2026-01-02 03:04 UTC"),
        (&alive, &["--minimum-life", "30h"], "the token is valid for 23 h 59 min, but 1 d 6 h are required"),
    ] {
        let refused = token(&scene, &[&[typed.as_str()], arguments].concat()).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""));
        let (error, hint) = refused.error();
        assert_eq!(error, format!("{typed}: {words}"));
        assert!(hint.contains(&format!("genesys-rotator rotate {typed}")), "{hint}");
    }
    assert_eq!(token(&scene, &[&alive, "--minimum-life", "23h"]).await.exit, Some(0));
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 30);
    let (typed, _) = rotated(&scene).await;
    assert_eq!(token(&scene, &[&typed]).await.exit, Some(1), "the default minimum is 1 minute");
    assert_eq!(token(&scene, &[&typed, "--minimum-life", "1s"]).await.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_asks_the_platform_whether_the_token_is_valid() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    assert_eq!(token(&scene, &[&typed, "--verify"]).await.stdout, format!("{value}\n"));
    let busy = FaultAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "text/html", "<html>");
    scene.simulation.faults.add(Fault::once("GET /api/v2/tokens/me", Effect::Answer(busy)));
    assert_eq!(token(&scene, &[&typed, "--verify"]).await.exit, Some(0), "the request is retried");
    scene.simulation.genesys.revoke_all();
    assert_eq!(token(&scene, &[&typed]).await.stdout, format!("{value}\n"), "the platform was not called");
    let refused = token(&scene, &[&typed, "--verify"]).await;
    assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""));
    let (error, hint) = refused.error();
    assert!(error.starts_with(&format!("{typed}: ")) && error.contains("bad.credentials"), "{error}");
    assert!(hint.contains(&format!("genesys-rotator rotate {typed}")), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_applies_to_a_store_that_does_not_respond() {
    let scene = Scene::new().await;
    scene.simulation.faults.add(Fault::always("GetSecretValue", Effect::Hang));
    let refused = token(&scene, &["prod/genesys", "--timeout", "1s"]).await;
    let (error, hint) = refused.error();
    assert_eq!(
        (refused.exit, error),
        (Some(1), "prod/genesys: the time limit was reached while trying to read the secret")
    );
    assert!(hint.contains("--timeout"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_expiry_is_printed_with_a_warning() {
    let scene = Scene::new().await;
    let typed = stored(&scene, "endless.json", json!({"access_token": "hush", "expires_at": "tomorrow"}));
    let printed = token(&scene, &[&typed, "--format", "json"]).await;
    assert_eq!(printed.exit, Some(0));
    assert!(
        printed.stderr.starts_with(&format!("warning: {typed}: the document has no valid expires_at")),
        "{}",
        printed.stderr
    );
    let answer = &printed.json()[0];
    assert_eq!(
        (&answer["expires_at"], &answer["ttl"], &answer["token_type"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(token(&scene, &[&typed, "--minimum-life", "1s"]).await.exit, Some(1), "the minimum cannot be verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_header_cannot_carry_is_rejected() {
    let scene = Scene::new().await;
    for text in ["a\nB=1", "a b", "tök", "\u{1b}[2J"] {
        let fields = json!({"access_token": text, "expires_at": "9999-01-02T03:04:05Z"});
        let refused = token(&scene, &[&stored(&scene, "odd.json", fields)]).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""), "{text:?}");
        assert!(refused.error().0.contains("characters that an HTTP header cannot carry"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_in_a_token_is_escaped_for_the_shell() {
    let scene = Scene::new().await;
    let value = r#"a'b$(id)`id`"\;*>"#;
    let fields = json!({"access_token": value, "expires_at": "9999-01-02T03:04:05Z"});
    let printed = token(&scene, &[&stored(&scene, "odd.json", fields), "--format", "env"]).await;
    assert_eq!(sh(&format!("{}printf %s \"$GENESYSCLOUD_ACCESS_TOKEN\"", printed.stdout)), value);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_region_may_come_from_the_secret_with_the_credentials() {
    let scene = Scene::new().await;
    let private = json!({"region": "mypurecloud.de", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    write(scene.directory.path(), "private.json", &private.to_string());
    let held = json!({"credentials": "private.json", "access_token": "hush", "expires_at": "9999-01-02T03:04:05Z"});
    write(scene.directory.path(), "shared.json", &held.to_string());
    let run = async |form: &str| {
        let mut command = scene.command(&["token", "file:shared.json", "--format", form]);
        command.current_dir(scene.directory.path());
        shown(&scene, command).await
    };
    let printed = run("env").await;
    assert!(printed.stdout.contains("\nGENESYSCLOUD_REGION='eu-central-1'\n"), "{}{}", printed.stdout, printed.stderr);
    fs::remove_file(scene.directory.path().join("private.json")).expect("the file exists");
    assert_eq!(run("raw").await.stdout, "hush\n", "the raw token needs no region");
    let refused = run("env").await;
    assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""), "no tool may guess the region");
    let printed = run("json").await;
    assert_eq!((printed.exit, &printed.json()[0]["api_url"]), (Some(0), &Value::Null));
    assert!(printed.stderr.starts_with("warning: file:shared.json: "), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_without_access_to_the_credentials_is_advised_to_store_the_region() {
    let scene = Scene::new().await;
    let held = json!({"credentials": "private", "access_token": "hush", "expires_at": "9999-01-02T03:04:05Z"});
    scene
        .aws
        .create_secret()
        .name("shared")
        .secret_string(held.to_string())
        .send()
        .await
        .expect("the secret is created");
    scene.simulation.faults.add(denied("GetSecretValue").after(1));
    let refused = token(&scene, &["shared", "--format", "env"]).await;
    assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""));
    let (error, hint) = refused.error();
    assert!(
        error.contains("is denied secretsmanager:GetSecretValue on private")
            && hint.starts_with("add region to the secret"),
        "{error}: {hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cxone_token_has_its_own_variable_names() {
    let scene = Scene::new().await;
    let document = json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "client_id": cxone::CLIENT.0,
        "client_secret": cxone::CLIENT.1, "access_key_id": cxone::KEY.0, "access_key_secret": cxone::KEY.1,
    });
    let path = write(scene.directory.path(), "cxone.json", &document.to_string());
    let typed = format!("file:{}", path.display());
    assert_eq!(scene.run(&["rotate", &typed]).await.exit, Some(0));
    let value = read(&path)["access_token"].as_str().expect("a token").to_owned();
    let printed = token(&scene, &[&typed, "--format", "env"]).await;
    let url = scene.simulation.genesys_url();
    assert_eq!(token(&scene, &[&typed, "--verify"]).await.exit, Some(0));
    assert_eq!(printed.stdout, format!("CXONE_ACCESS_TOKEN='{value}'\nCXONE_API_URL='{url}'\n"), "{}", printed.stderr);
}

/// Runs a command with a pseudoterminal as stdout, and copies its output.
const ON_A_TERMINAL: &str = "
import os, pty, subprocess, sys
shown, terminal = pty.openpty()
done = subprocess.run(sys.argv[1:], stdout=terminal)
os.write(terminal, b'@end')
text = b''
while not text.endswith(b'@end'):
    text += os.read(shown, 4096)
sys.stdout.buffer.write(text)
sys.exit(done.returncode)
";

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
async fn the_token_is_not_printed_to_a_terminal_without_yes() {
    let Some(python) = std::env::var_os("PYTHON") else { return };
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    for (flag, exit, expected) in [(None, 2, "@end".to_owned()), (Some("--yes"), 0, format!("{value}\r\n@end"))] {
        let inner = scene.command(&[&["token", &typed], flag.as_slice()].concat());
        let mut command = Command::new(&python);
        command.args(["-c", ON_A_TERMINAL]).arg(inner.get_program()).args(inner.get_args()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let printed = shown(&scene, command).await;
        assert_eq!((printed.exit, printed.stdout), (Some(exit), expected), "{}", printed.stderr);
        assert_eq!(printed.stderr.contains("stdout is a terminal"), flag.is_none());
    }
}

#[test]
fn completions_contain_token_and_exec() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).stdout;
        for word in ["token", "exec", "github-env", "minimum-life"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
