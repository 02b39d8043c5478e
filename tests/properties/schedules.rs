//! The rotation schedule.

use std::time::Duration;

use genesys_rotator::rotation::RotationRules;
use jiff::Timestamp;
use proptest::prelude::*;

const HOUR: u64 = 3600;

fn gap(days: Option<i64>, expression: Option<String>, window: Option<String>) -> Option<Duration> {
    let rules = RotationRules { automatically_after_days: days, schedule_expression: expression, duration: window };
    rules.longest_gap("2026-01-01T00:30:00Z".parse().expect("a timestamp"))
}

fn hours(gap: Option<Duration>) -> Option<u64> {
    gap.map(|gap| gap.as_secs() / HOUR)
}

fn cron_field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,4}",
        "[*?LW]",
        "[0-9]{0,3}/[0-9]{1,3}",
        "[0-9]{1,2}-[0-9]{1,2}",
        "[0-9]{1,2}(,[0-9]{1,2}){1,3}",
        "(MON|TUE|SUN|JAN|FEB|DEC|[1-7]L|[1-7]#[1-5]|[0-9]{1,2}W)",
        "[0-9*?/,\\-LWA-Z#]{1,6}",
    ]
}

proptest! {
    #[test]
    fn no_schedule_panics(
        days in any::<Option<i64>>(), expression in any::<Option<String>>(), window in any::<Option<String>>(),
        seconds in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
    ) {
        let rules = RotationRules { automatically_after_days: days, schedule_expression: expression, duration: window };
        rules.longest_gap(Timestamp::from_second(seconds).expect("a timestamp in range"));
    }

    #[test]
    fn a_longer_interval_or_window_has_a_longer_gap(
        shorter in 1..=i64::from(u32::MAX), longer in 1..=i64::from(u32::MAX), window in 1..=u32::MAX,
        unit in prop::sample::select(vec!["hours", "days", ""]),
    ) {
        let (shorter, longer) = (shorter.min(longer), shorter.max(longer));
        let gap = |count: i64, window: Option<u32>| {
            let window = window.map(|window| format!("{window}h"));
            if unit.is_empty() { gap(Some(count), None, window) } else { gap(None, Some(format!("rate({count} {unit})")), window) }
        };
        for window in [None, Some(window)] {
            prop_assert!(gap(shorter, window) <= gap(longer, window));
        }
        let interval = u64::try_from(longer).expect("positive") * if unit == "hours" { 1 } else { 24 };
        prop_assert_eq!(hours(gap(longer, Some(window))), Some(interval + u64::from(window)));
        prop_assert!(hours(gap(longer, None)) > Some(interval));
    }

    #[test]
    fn a_daily_time_has_a_gap_of_a_day_and_the_window(minute in 0..60, hour in 0..24, window in 1..24_u64) {
        let expression = format!("cron({minute} {hour} * * ? *)");
        prop_assert_eq!(hours(gap(None, Some(expression), Some(format!("{window}h")))), Some(24 + window));
    }
}

proptest! {
    #![proptest_config(crate::one_of(4))]

    #[test]
    fn no_cron_expression_panics(fields in prop::collection::vec(cron_field(), 4..8), window in "[0-9]{0,12}h?") {
        let expression = format!("cron({})", fields.join(" "));
        if let Some(gap) = gap(None, Some(expression), Some(window)) {
            prop_assert!(gap >= Duration::from_secs(60));
        }
    }
}
