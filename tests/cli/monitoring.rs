//! `status` for monitoring: the table, thresholds, metrics and the page.

use std::process::Command;

use aws_sdk_secretsmanager::types::RotationRulesType;
use genesys_rotator::rotation::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{CLIENT_SECRET, FUNCTION_ARN, Scene, document, write};

/// Parses metrics with Prometheus' own client, and checks that each metric of the rules and the dashboard is exported.
const PARSE: &str = r#"
import json, pathlib, re, sys
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
exported = {family.name for family in families}
folder = pathlib.Path(sys.argv[1])
rules = yaml.safe_load((folder / "rules.yaml").read_text())
dashboard = json.loads((folder / "dashboard.json").read_text())
alerts = [rule for group in rules["groups"] for rule in group["rules"]]
expressions = [rule["expr"] for rule in alerts]
expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
used = {name for text in expressions for name in re.findall(r"genesys_[a-z_]+", text)}
assert used <= exported, used - exported
assert len(alerts) >= 7 and all(alert["annotations"]["summary"] for alert in alerts)
samples = [[sample.name, sample.labels, sample.value] for family in families for sample in family.samples]
print(json.dumps(samples))
"#;

/// Secrets of every condition in files. The names sort in another order than their urgency.
fn secrets(scene: &Scene) -> Vec<String> {
    let now = SystemClock.now();
    let with_token = |minutes: i64| {
        let mut value = document(CLIENT_SECRET);
        let time = |minutes: i64| json!((now + jiff::SignedDuration::from_mins(minutes)).to_string());
        for (field, content) in [
            ("access_token", json!("hush-token")),
            ("token_type", json!("bearer")),
            ("issued_at", time(minutes - 600)),
            ("expires_at", time(minutes)),
        ] {
            value[field] = content;
        }
        value.to_string()
    };
    let files = [
        ("a-good.json", with_token(600)),
        ("b-soon.json", with_token(60)),
        ("c-sooner.json", with_token(20)),
        ("d-expired.json", with_token(-20)),
        ("e-new.json", document(CLIENT_SECRET).to_string()),
        ("f-broken.json", "not JSON".to_owned()),
    ];
    let typed = files.map(|(name, text)| format!("file:{}", write(scene.directory.path(), name, &text).display()));
    typed.into()
}

/// Runs `status` with these arguments about these secrets.
async fn status(scene: &Scene, arguments: &[&str], secrets: &[String]) -> super::Transcript {
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    scene.run(&[&["status"], arguments, &secrets[..]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_one_line_for_each_secret_and_the_most_urgent_one_first() {
    let scene = Scene::new().await;
    let all = secrets(&scene);
    let transcript = status(&scene, &[], &all).await;
    assert_eq!(transcript.exit, Some(1), "one secret is no document");
    let order: Vec<_> = transcript.stdout.lines().skip(1).map(|line| line.split(".json").next().unwrap()).collect();
    let order: Vec<_> = order.iter().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(order, ["f-broken", "d-expired", "e-new", "c-sooner", "b-soon", "a-good"], "{}", transcript.stdout);
    let states: Vec<_> = status(&scene, &["--output", "json"], &all).await.json();
    let states: Vec<_> = states.iter().map(|line| line["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        states,
        ["ok", "ok", "ok", "expired", "no_token", "unreadable"],
        "JSON keeps the order of the arguments"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_set_the_exit_status_and_are_off_by_default() {
    let scene = Scene::new().await;
    let all = secrets(&scene);
    let [good, soon, sooner, expired, new, _] = &all[..] else { panic!("six secrets") };
    let of = |secret: &String| [secret.clone()];
    for secret in [good, soon, sooner, expired, new] {
        assert_eq!(status(&scene, &[], &of(secret)).await.exit, Some(0), "{secret}");
    }
    let thresholds = ["--warn", "2h", "--fail", "30m"];
    for (secret, exit, said) in [
        (good, 0, ""),
        (soon, 0, "warning: "),
        (sooner, 1, "the token expires in 19 min"),
        (expired, 1, "the token expired 20 min "),
        (new, 1, "no rotation has stored a token yet"),
    ] {
        let transcript = status(&scene, &thresholds, &of(secret)).await;
        assert_eq!(transcript.exit, Some(exit), "{secret}: {}", transcript.stderr);
        assert!(
            transcript.stderr.contains(said) && (said.is_empty() == transcript.stderr.is_empty()),
            "{}",
            transcript.stderr
        );
    }
    assert_eq!(status(&scene, &["--warn", "10m", "--fail", "30m"], &all).await.exit, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "make names the interpreter")]
async fn the_metrics_are_read_by_prometheus_own_client_and_hold_no_value() {
    let Some(python) = std::env::var_os("PYTHON") else { return };
    let scene = Scene::new().await;
    let mut all = secrets(&scene);
    let odd = write(scene.directory.path(), "quote\"back\\slash.json", &document(CLIENT_SECRET).to_string());
    all.push(format!("file:{}", odd.display()));
    let transcript = status(&scene, &["--format", "openmetrics"], &all).await;
    assert_eq!(transcript.exit, Some(0), "the metrics say what cannot be read: {}", transcript.stderr);
    assert!(!transcript.stdout.contains("hush") && transcript.stdout.ends_with("# EOF\n"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/monitoring");
    let metrics = write(scene.directory.path(), "metrics.txt", &transcript.stdout);
    let input = std::fs::File::open(metrics).expect("the metrics");
    let parsed = Command::new(python).args(["-c", PARSE, folder]).stdin(input).output().expect("Python runs");
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    let samples: Vec<(String, Value, f64)> = serde_json::from_slice(&parsed.stdout).expect("samples");
    let value = |name: &str, secret: &str, state: Option<&str>| {
        let is_wanted = |(found, labels, _): &&(String, Value, f64)| {
            found == name && labels["secret"] == secret && state.is_none_or(|state| labels["state"] == state)
        };
        samples.iter().find(is_wanted).map(|(_, _, value)| *value)
    };
    assert_eq!(value("genesys_secret_state", &all[3], Some("expired")), Some(1.0));
    assert_eq!(value("genesys_secret_state", &all[3], Some("ok")), Some(0.0));
    assert_eq!(value("genesys_secret_state", &all[5], Some("unreadable")), Some(1.0));
    assert_eq!(value("genesys_secret_state", &all[6], Some("no_token")), Some(1.0), "the odd name is escaped");
    let expiry = value("genesys_secret_token_expiry_timestamp_seconds", &all[3], None).expect("the expiry");
    assert!(expiry < SystemClock.now().as_second() as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_not_promoted_is_failing_and_a_cancelled_one_is_shown() {
    let scene = Scene::new().await;
    scene.rotating("prod/genesys").await;
    scene.simulation.genesys.set(|knobs| knobs.reject_new_tokens = true);
    assert_eq!(scene.run(&["rotate", "prod/genesys", "--timeout", "3s"]).await.exit, Some(1));
    let pending = scene.run(&["status", "prod/genesys", "--output", "json"]).await.json()[0].clone();
    assert!(pending["pending_since"].is_string(), "{pending}");
    scene.aws.cancel_rotate_secret().secret_id("prod/genesys").send().await.expect("cancelled");
    let table = scene.run(&["status", "prod/genesys"]).await.stdout;
    assert!(table.contains("disabled"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_without_names_keeps_a_secret_whose_rotation_was_cancelled() {
    let scene = Scene::new().await;
    for name in ["prod/cancelled", "prod/rotating"] {
        scene.rotating(name).await;
    }
    scene.stored("prod/never-configured").await;
    scene.aws.cancel_rotate_secret().secret_id("prod/cancelled").send().await.expect("cancelled");
    let listed = scene.run(&["status", "--output", "json"]).await;
    assert_eq!(listed.exit, Some(0), "{}", listed.stderr);
    let shown: Vec<_> =
        listed.json().iter().map(|status| (status["secret"].clone(), status["rotation_enabled"].clone())).collect();
    let expected = [("prod/cancelled", false), ("prod/rotating", true)];
    assert_eq!(shown, expected.map(|(name, enabled)| (name.into(), enabled.into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_before_the_next_rotation_is_marked() {
    let scene = Scene::new().await;
    scene.simulation.genesys.set(|knobs| knobs.token_lifetime = 3_600);
    scene.rotating("prod/genesys").await;
    assert_eq!(scene.run(&["rotate", "prod/genesys"]).await.exit, Some(0));
    let rules = RotationRulesType::builder().schedule_expression("rate(10 days)").build();
    let rotate = scene.aws.rotate_secret().secret_id("prod/genesys").rotation_lambda_arn(FUNCTION_ARN);
    rotate.rotation_rules(rules).rotate_immediately(false).send().await.expect("scheduled");
    let table = scene.run(&["status", "prod/genesys", "--warn", "10m"]).await;
    assert!(table.stdout.contains("expires first"), "{}", table.stdout);
    assert!(table.exit == Some(0) && table.stderr.contains("expires before the next rotation"), "{}", table.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_written_whole_or_not_at_all() {
    let scene = Scene::new().await;
    let all = secrets(&scene);
    let page = scene.directory.path().join("status.html");
    let transcript = status(&scene, &["--html", &page.display().to_string()], &all).await;
    assert_eq!(transcript.exit, Some(1), "one secret is no document");
    let text = std::fs::read_to_string(&page).expect("the page");
    assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</table>\n") && !text.contains("hush"));
    assert!(text.contains("1 failing") || text.contains("2 failing of 6 tokens"), "{text}");
    let nowhere = scene.directory.path().join("none/status.html").display().to_string();
    let refused = status(&scene, &["--html", &nowhere], &all[..1]).await;
    assert!(refused.exit == Some(1) && refused.error().0.contains("could not be written"), "{}", refused.stderr);
    let left: Vec<_> = std::fs::read_dir(scene.directory.path()).expect("the folder").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().ends_with(".tmp")));
}
