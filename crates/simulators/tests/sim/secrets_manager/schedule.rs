//! RotationRules: validation, and the date of the next rotation.

use std::time::Duration;

use aws_sdk_secretsmanager::operation::rotate_secret::builders::RotateSecretFluentBuilder;
use aws_sdk_secretsmanager::types::RotationRulesType;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use simulators::secrets_manager::SecretsManagerSettings;

use super::rotation::{FUNCTION, rotating};
use super::{Simulator, code};

fn rotate(simulator: &Simulator, rules: RotationRulesType) -> RotateSecretFluentBuilder {
    simulator.client.rotate_secret().secret_id("s").rotation_lambda_arn(FUNCTION).rotation_rules(rules)
}

fn expression(expression: &str) -> RotationRulesType {
    RotationRulesType::builder().schedule_expression(expression).build()
}

fn days(days: i64) -> RotationRulesType {
    RotationRulesType::builder().automatically_after_days(days).build()
}

/// LastRotatedDate and NextRotationDate, in seconds.
async fn dates(simulator: &Simulator) -> (i64, i64) {
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    let last = described.last_rotated_date().expect("it was rotated").secs();
    (last, described.next_rotation_date().expect("it is scheduled").secs())
}

#[tokio::test]
async fn invalid_rotation_rules_are_refused() {
    let simulator = rotating(|_| Ok(())).await;
    let both = RotationRulesType::builder().automatically_after_days(1).schedule_expression("rate(1 day)").build();
    let long = RotationRulesType::builder().schedule_expression("rate(4 hours)").duration("5h").build();
    let words = RotationRulesType::builder().schedule_expression("rate(1 day)").duration("3m").build();
    for days in [days(0), days(1001)] {
        assert_eq!(code(rotate(&simulator, days).send().await), "ValidationException");
    }
    let overnight = RotationRulesType::builder().schedule_expression("cron(0 20 * * ? *)").duration("5h").build();
    let words = rotate(&simulator, words).send().await;
    assert_eq!(code(words), "ValidationException");
    let refused = [
        overnight,
        both,
        long,
        RotationRulesType::builder().build(),
        expression("rate(3 hours)"),
        expression("rate(0 days)"),
        expression("rate(5 minutes)"),
        expression("every day"),
        expression("cron(0 */2 * * ? *)"),
        expression("cron(30 8 * * ? *)"),
        expression("cron(0 8 * * * *)"),
        expression("cron(0 8 * *)"),
        expression("cron(0 8 * * ? 2030)"),
    ];
    for rules in refused {
        let shown = format!("{rules:?}");
        assert_eq!(code(rotate(&simulator, rules).send().await), "InvalidParameterException", "{shown}");
    }
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), None);
    assert_eq!(simulator.service.events().len(), 0);
}

#[tokio::test]
async fn windows_of_rates_begin_at_midnight_or_on_the_hour_and_end_on_the_same_day() {
    let (hour, day) = (3600, 86_400);
    for (rules, length, begins, window) in [
        (days(30), 30 * day, day, day),
        (expression("rate(10 days)"), 10 * day, day, day),
        (expression("rate(4 hours)"), 4 * hour, hour, hour),
        (
            RotationRulesType::builder().schedule_expression("rate(10 days)").duration("3h").build(),
            10 * day,
            day,
            3 * hour,
        ),
    ] {
        let simulator = rotating(|_| Ok(())).await;
        rotate(&simulator, rules).send().await.expect("it is started");
        simulator.service.settled().await;
        let (last, next) = dates(&simulator).await;
        // NextRotationDate is the last second of the window.
        assert_eq!(next + 1, last - last % begins + length + window);
        simulator.service.advance(Duration::from_secs((next - window - last) as u64));
        assert_eq!(simulator.service.run_due(), 0, "before its window");
        simulator.service.advance(Duration::from_secs(window as u64 + 1));
        assert_eq!(simulator.service.run_due(), 1, "at the end of its window");
    }
}

#[tokio::test]
async fn a_rotation_happens_at_an_instant_of_its_window_that_the_seed_decides() {
    let mut starts = Vec::new();
    for seed in [1, 1, 2] {
        let settings = SecretsManagerSettings { seed, ..SecretsManagerSettings::default() };
        let simulator = Simulator::with(settings).await.with_secret().await;
        simulator.service.set_function(|_: serde_json::Value| async { Ok(serde_json::Value::Null) });
        rotate(&simulator, days(1)).rotate_immediately(false).send().await.expect("it is configured");
        simulator.service.settled().await;
        let mut hours = 0;
        while simulator.service.run_due() == 0 {
            simulator.service.advance(Duration::from_secs(3600));
            hours += 1;
        }
        assert!((1..=48).contains(&hours), "{hours}");
        starts.push(hours);
    }
    assert_eq!(starts[0], starts[1]);
    assert_ne!(starts[0], starts[2]);
}

#[tokio::test]
async fn only_a_schedule_in_days_counts_a_manual_update_as_a_rotation() {
    for (rules, counts) in [(days(3), true), (expression("rate(3 days)"), false)] {
        let simulator = rotating(|_| Ok(())).await;
        rotate(&simulator, rules).send().await.expect("it is started");
        simulator.service.settled().await;
        let (last, next) = dates(&simulator).await;
        simulator.service.advance(Duration::from_secs(2 * 86_400));
        simulator.put(7, "staged only", &["MINE"]).await;
        assert_eq!(dates(&simulator).await.1, next);
        simulator.put(8, "by hand", &[]).await;
        assert_eq!(dates(&simulator).await, (last, if counts { next + 2 * 86_400 } else { next }));
    }
}

#[tokio::test]
async fn automatically_after_days_is_calculated_beside_an_expression() {
    for (text, hourly, calculated) in [
        ("rate(10 days)", Some(1), Some(10)),
        ("cron(0 8 * * ? *)", Some(1), Some(1)),
        ("cron(0 3 ? * SUN *)", None, Some(7)),
        ("rate(4 hours)", Some(1), Some(1)),
        ("rate(4 hours)", Some(0), Some(0)),
        ("rate(4 hours)", None, None),
    ] {
        let simulator = rotating(|_| Ok(())).await;
        simulator.service.set(|settings| settings.hourly_rate_days = hourly);
        rotate(&simulator, expression(text)).send().await.expect("it is started");
        simulator.service.settled().await;
        let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
        let rules = described.rotation_rules().expect("rules");
        assert_eq!((rules.schedule_expression(), rules.automatically_after_days()), (Some(text), calculated), "{text}");
    }
}

#[tokio::test]
async fn cron_windows_begin_at_full_hours_in_utc_and_end_with_the_day() {
    for (cron, hour, weekday) in [
        ("cron(0 8 * * ? *)", 23, None),
        ("cron(0 8/8 * * ? *)", 8, None),
        ("cron(0 3 ? * SUN *)", 23, Some(jiff::civil::Weekday::Sunday)),
        ("cron(0 4 ? * 2 *)", 23, Some(jiff::civil::Weekday::Monday)),
        ("cron(0 22 ? * 6L *)", 23, Some(jiff::civil::Weekday::Friday)),
        ("cron(0 16 1,15 * ? *)", 23, None),
        ("cron(0 9 L * ? *)", 23, None),
    ] {
        let simulator = rotating(|_| Ok(())).await;
        rotate(&simulator, expression(cron)).send().await.expect("it is started");
        simulator.service.settled().await;
        let (last, next) = dates(&simulator).await;
        assert!(next > last, "{cron}");
        let next = Timestamp::from_second(next).expect("a time").to_zoned(TimeZone::UTC);
        let is_hour = next.hour() == hour || (cron.contains("8/8") && next.hour() == 16);
        assert!(is_hour && (next.minute(), next.second()) == (59, 59), "{cron}: {next}");
        assert!(weekday.is_none_or(|weekday| weekday == next.weekday()), "{cron}: {next}");
    }
}

#[tokio::test]
async fn only_secrets_that_are_due_are_rotated() {
    let simulator = rotating(|_| Ok(())).await;
    rotate(&simulator, days(1)).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(simulator.service.run_due(), 0);
    simulator.service.advance(Duration::from_secs(2 * 86_400));
    let (_, due) = dates(&simulator).await;
    assert_eq!(simulator.service.run_due(), 1);
    simulator.service.settled().await;
    assert_eq!(simulator.service.rotation_outcomes().len(), 2);
    let (last, next) = dates(&simulator).await;
    assert!(last >= due);
    assert_eq!(next + 1, last - last % 86_400 + 2 * 86_400);
}

#[tokio::test]
async fn the_scheduler_rotates_automatically() {
    let simulator = rotating(|_| Ok(())).await;
    simulator.service.set(|settings| settings.scheduler = true);
    rotate(&simulator, days(1)).send().await.expect("it is started");
    simulator.service.settled().await;
    simulator.service.advance(Duration::from_secs(2 * 86_400));
    while simulator.service.rotation_outcomes().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
