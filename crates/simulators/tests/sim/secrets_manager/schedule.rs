//! RotationRules: validation, and the date of the next rotation.

use std::time::Duration;

use aws_sdk_secretsmanager::operation::rotate_secret::builders::RotateSecretFluentBuilder;
use aws_sdk_secretsmanager::types::RotationRulesType;
use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    let refused = [
        days(0),
        days(1001),
        both,
        long,
        words,
        RotationRulesType::builder().build(),
        expression("rate(3 hours)"),
        expression("rate(0 days)"),
        expression("rate(5 minutes)"),
        expression("every day"),
        expression("cron(0 */2 * * ? *)"),
        expression("cron(30 8 * * ? *)"),
        expression("cron(0 8 * * * *)"),
        expression("cron(0 8 * *)"),
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
async fn rates_and_days_count_from_the_last_rotation() {
    for (rules, seconds) in
        [(days(30), 30 * 86_400), (expression("rate(4 hours)"), 4 * 3600), (expression("rate(10 days)"), 10 * 86_400)]
    {
        let simulator = rotating(|_| Ok(())).await;
        rotate(&simulator, rules).send().await.expect("it is started");
        simulator.service.settled().await;
        let (last, next) = dates(&simulator).await;
        assert_eq!(next - last, seconds);
    }
}

#[tokio::test]
async fn cron_expressions_are_due_at_full_hours_in_utc() {
    for (cron, hour, weekday) in [
        ("cron(0 8 * * ? *)", 8, None),
        ("cron(0 3 ? * SUN *)", 3, Some(jiff::civil::Weekday::Sunday)),
        ("cron(0 4 ? * 2 *)", 4, Some(jiff::civil::Weekday::Monday)),
        ("cron(0 22 ? * 6L *)", 22, Some(jiff::civil::Weekday::Friday)),
        ("cron(0 16 1,15 * ? *)", 16, None),
        ("cron(0 9 L * ? *)", 9, None),
    ] {
        let simulator = rotating(|_| Ok(())).await;
        rotate(&simulator, expression(cron)).send().await.expect("it is started");
        simulator.service.settled().await;
        let (last, next) = dates(&simulator).await;
        assert!(next > last, "{cron}");
        let next = Timestamp::from_second(next).expect("a time").to_zoned(TimeZone::UTC);
        assert_eq!((next.hour(), next.minute(), next.second()), (hour, 0, 0), "{cron}");
        assert!(weekday.is_none_or(|weekday| weekday == next.weekday()), "{cron}: {next}");
    }
}

#[tokio::test]
async fn only_secrets_that_are_due_are_rotated() {
    let simulator = rotating(|_| Ok(())).await;
    rotate(&simulator, days(1)).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(simulator.service.run_due(), 0);
    simulator.service.advance(Duration::from_secs(86_400));
    let (_, due) = dates(&simulator).await;
    assert_eq!(simulator.service.run_due(), 1);
    simulator.service.settled().await;
    assert_eq!(simulator.service.rotation_outcomes().len(), 2);
    let (last, next) = dates(&simulator).await;
    assert!(last >= due);
    assert_eq!(next - last, 86_400);
}

#[tokio::test]
async fn the_scheduler_rotates_automatically() {
    let simulator = rotating(|_| Ok(())).await;
    simulator.service.set(|settings| settings.scheduler = true);
    rotate(&simulator, days(1)).send().await.expect("it is started");
    simulator.service.settled().await;
    simulator.service.advance(Duration::from_secs(86_400));
    while simulator.service.rotation_outcomes().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
