//! Compares the alarms with the metrics that the real function writes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::aws_world::{World, documents};
use super::stack::{list, of_type, secret_stack, stack, texts};

/// The metrics that the function wrote, with the names of their dimensions.
fn counted(world: &World) -> BTreeSet<(String, String, Vec<String>)> {
    let function = world.simulation.function.as_ref().expect("a function");
    let lines = function.logs().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let mut counted = BTreeSet::new();
    for directive in
        lines.flat_map(|line| list(&line["_aws"]["CloudWatchMetrics"]).into_iter().cloned().collect::<Vec<_>>())
    {
        let Some(namespace) = directive["Namespace"].as_str() else { continue };
        for metric in list(&directive["Metrics"]).iter().filter_map(|metric| metric["Name"].as_str()) {
            for set in list(&directive["Dimensions"]) {
                let mut names: Vec<_> = texts(set).into_iter().map(str::to_owned).collect();
                names.sort();
                counted.insert((namespace.to_owned(), metric.to_owned(), names));
            }
        }
    }
    counted
}

#[tokio::test]
async fn alarms_use_metrics_that_the_function_writes() {
    for options in [&[][..], &["FirstSecret=plain", "RotateEveryMinutes=30"]] {
        let Some(stack) = stack(options) else { return };
        let world = World::start(&stack).await;
        world.create("genesys/plain", &documents()[0].1).await;
        assert!(world.rotate("genesys/plain", true).await);
        let counted = counted(&world);
        let Some(further) = secret_stack(&["Name=genesys/plain"]) else { return };
        let mut alarms = of_type(&stack, "AWS::CloudWatch::Alarm");
        alarms.extend(of_type(&further, "AWS::CloudWatch::Alarm"));
        let mut watched = 0;
        for (name, alarm) in &alarms {
            let inner = list(&alarm["Metrics"]).into_iter().find_map(|metric| metric["MetricStat"].get("Metric"));
            let metric = inner.unwrap_or(alarm);
            if metric["Namespace"] == "AWS/Lambda" {
                assert_eq!(
                    metric["Dimensions"],
                    json!([{"Name": "FunctionName", "Value": "genesys-rotator"}]),
                    "{name}"
                );
                continue;
            }
            let dimensions = metric.get("Dimensions").map(list).unwrap_or_default();
            let mut names: Vec<_> =
                dimensions.iter().filter_map(|one| one["Name"].as_str().map(str::to_owned)).collect();
            names.sort();
            let text = |name: &str| metric[name].as_str().expect("text").to_owned();
            let wanted = (text("Namespace"), text("MetricName"), names);
            assert!(counted.contains(&wanted), "{name} uses {wanted:?}, which is not in {counted:?}");
            watched += 1;
        }
        assert_eq!((alarms.len(), watched), (5, 3));
    }
}

#[tokio::test]
async fn the_dashboard_and_a_secrets_alarm_have_data() {
    let Some(stack) = stack(&[]) else { return };
    let world = World::start(&stack).await;
    world.create("genesys/plain", &documents()[0].1).await;
    assert!(world.rotate("genesys/plain", true).await);
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert!(!world.rotate("genesys/plain", true).await);
    let counted = counted(&world);
    let shown =
        [("Failures", "ErrorType"), ("TokenLifeLeft", "Secret"), ("StepDuration", "Step"), ("Failures", "Secret")];
    for (metric, dimension) in shown {
        let wanted = ("GenesysRotator/genesys-rotator".to_owned(), metric.to_owned(), vec![dimension.to_owned()]);
        assert!(counted.contains(&wanted), "{wanted:?}");
    }
    let body = stack["Resources"]["RotationDashboard"]["Properties"]["DashboardBody"].as_str().expect("a body");
    for (metric, dimension) in &shown[..3] {
        let search = format!(r#"{{\"GenesysRotator/genesys-rotator\",{dimension}}} MetricName=\"{metric}\""#);
        assert!(body.contains(&search), "{search}");
    }
    let query = body.split("| fields @timestamp, ").nth(1).and_then(|rest| rest.split(" |").next()).expect("a query");
    let fields: Vec<_> = query.split(", ").map(|field| field.trim_matches('`')).collect();
    let logs = world.simulation.function.as_ref().expect("a function").logs();
    let lines = logs.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let failed = lines.into_iter().find(|line| line["level"] == "ERROR").expect("a failure in the log");
    assert_eq!(fields.iter().filter(|field| !failed[**field].is_string()).count(), 0, "{fields:?} of {failed}");
    // The paid metrics per secret: one for its rotations, two for the lifetime of its token.
    let by_secret =
        counted.iter().filter(|(_, metric, names)| metric != "Failures" && names.iter().any(|name| name == "Secret"));
    assert_eq!(by_secret.count(), 3, "{counted:?}");
}
