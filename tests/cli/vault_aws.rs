//! `vault:` with a login by AWS. OpenBao does not have the auth method, so a program in front of it checks the login.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::bao::{Bao, ROOT};
use super::{CLIENT_SECRET, Scene, Transcript, document, output};

const TYPED: &str = "vault:secret/team/genesys";
const SESSION_TOKEN: &str = "hush-hush-session-token";
const SERVER_ID: &str = "vault.example";

/// The program in front of OpenBao. It ends with its standard input.
struct Front {
    child: Child,
    url: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Front {
    /// Accepts logins that are signed for this region and host; `None` without Python.
    #[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
    fn start(bao: &Bao, region: &str, host: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/vault_aws_login.py");
        let mut command = Command::new(std::env::var_os("PYTHON")?);
        command.args([script, &bao.url, ROOT, "AKIDEXAMPLE", "hush-hush-access-key", SESSION_TOKEN]);
        command.args([region, host, SERVER_ID]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = lines.next().expect("a line").expect("its address");
        Some(Self { child, url, lines })
    }

    /// Ends the program. Returns what became of each login.
    fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends");
        self.lines.map(|line| line.expect("a line")).collect()
    }

    async fn rotate(&self, scene: &Scene, settings: &[(&str, &str)]) -> Transcript {
        let mut command = scene.command(&["rotate", TYPED, "--output", "json"]);
        command.env("AWS_SESSION_TOKEN", SESSION_TOKEN).env("VAULT_ADDR", &self.url);
        command.envs(settings.iter().copied());
        let transcript = output(command).await;
        // The log is at TRACE. A signed request lets others log in for 15 minutes.
        for secret in [SESSION_TOKEN, "AWS4-HMAC", "iam_request_headers"] {
            assert!(!transcript.stdout.contains(secret) && !transcript.stderr.contains(secret), "{secret}");
        }
        scene.without_log(transcript)
    }
}

async fn bao_with_document() -> Option<Bao> {
    let bao = Bao::start()?;
    let policy = include_str!("../../infra/vault/policies/kv-rotator.hcl");
    bao.post("sys/policies/acl/rotator", json!({ "policy": policy })).await;
    bao.put("team/genesys", &document(CLIENT_SECRET).to_string()).await;
    Some(bao)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_aws_is_signed_for_sts_and_repeated_when_it_has_expired() {
    let Some(bao) = bao_with_document().await else { return };
    let scene = Scene::new().await;
    for (region, host) in [
        (None, "sts.amazonaws.com"),
        (Some("eu-west-1"), "sts.eu-west-1.amazonaws.com"),
        (Some("cn-north-1"), "sts.cn-north-1.amazonaws.com.cn"),
    ] {
        let Some(front) = Front::start(&bao, region.unwrap_or("us-east-1"), host) else { return };
        let mut settings = vec![("VAULT_AWS_ROLE", "ci"), ("VAULT_AWS_HEADER_VALUE", SERVER_ID)];
        settings.extend(region.map(|region| ("BAO_AWS_REGION", region)));
        let rotated = front.rotate(&scene, &settings).await;
        assert_eq!(rotated.exit, Some(0), "{}", rotated.stderr);
        let logins = front.end();
        assert!(logins.len() > 1 && logins.iter().all(|login| login == "login"), "{logins:?}");
        let token = bao.get("team/genesys").await["access_token"].clone();
        assert!(scene.simulation.genesys.live_tokens().iter().any(|live| token == **live));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_by_aws_names_its_settings() {
    let Some(bao) = bao_with_document().await else { return };
    let scene = Scene::new().await;
    let Some(front) = Front::start(&bao, "us-east-1", "sts.amazonaws.com") else { return };
    let header = ("VAULT_AWS_HEADER_VALUE", SERVER_ID);
    for (settings, said, hint) in [
        (&[("VAULT_AWS_ROLE", "ci")][..], "X-Vault-AWS-IAM-Server-ID", "VAULT_AWS_HEADER_VALUE"),
        (&[("VAULT_AWS_ROLE", "ci"), header, ("AWS_SECRET_ACCESS_KEY", "hush")], "SignatureDoesNotMatch", "principals"),
        (&[("VAULT_AWS_ROLE", "nobody"), header], "role nobody", "VAULT_AWS_ROLE"),
        (&[("VAULT_AWS_ROLE", "ci"), ("VAULT_AUTH_MOUNT", "cloud")], "auth/cloud", "VAULT_AUTH_MOUNT"),
        (
            &[("VAULT_AWS_ROLE", "ci"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_EC2_METADATA_DISABLED", "true")],
            "no AWS credentials",
            "AWS_PROFILE",
        ),
    ] {
        let refused = front.rotate(&scene, settings).await;
        let error = &refused.json()[0]["error"];
        assert_eq!((refused.exit, &error["type"]), (Some(1), &Value::from("StoreDenied")), "{}", refused.stderr);
        assert!(error["message"].as_str().is_some_and(|message| message.contains(said)), "{error}");
        assert!(error["hint"].as_str().is_some_and(|text| text.contains(hint)), "{error}");
    }
    assert_eq!(bao.get("team/genesys").await, document(CLIENT_SECRET));
    front.end();
}
