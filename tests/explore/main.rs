//! Explores the production rotation and the secrets engine: they run against models of the stores and platforms, and every
//! call of a port is a choice point of a deterministic scheduler. README.md says how to run it, how to read a failing
//! schedule, and how to replay it.

mod actors;
mod answer;
mod engine;
mod hash;
mod host;
mod invariants;
mod planted;
mod platform;
mod ports;
mod report;
mod scene;
mod schedule;
mod search;
mod store;
mod value;
mod world;

use scene::Mode;
use search::Choices;

/// The schedules of one test in `make test`.
const SHORT: u64 = 2_600;

#[test]
fn token_rotation_holds_in_every_schedule() {
    report::explore_short(&scene::of_rotation(Mode::Token), SHORT);
}

#[test]
fn rotation_of_a_generated_token_holds_in_every_schedule() {
    report::explore_short(&scene::of_rotation(Mode::Generated), SHORT);
}

#[test]
fn alternating_rotation_holds_in_every_schedule() {
    report::explore_short(&scene::of_rotation(Mode::Alternating), SHORT);
}

#[test]
fn in_place_rotation_holds_in_every_schedule() {
    report::explore_short(&scene::of_rotation(Mode::InPlace), SHORT);
}

#[test]
fn rotation_of_access_keys_holds_in_every_schedule() {
    report::explore_short(&scene::of_rotation(Mode::AccessKeys), SHORT);
}

#[test]
fn rotate_root_of_the_engine_holds_in_every_schedule() {
    for mode in [Mode::Alternating, Mode::InPlace, Mode::AccessKeys] {
        report::explore_short(&scene::of_engine(mode), SHORT / 3);
    }
}

#[test]
fn static_roles_of_the_engine_hold_in_every_schedule() {
    for mode in [Mode::Token, Mode::Generated] {
        report::explore_short(&scene::of_engine(mode), SHORT / 2);
    }
}

#[test]
fn every_planted_bug_is_found() {
    let not_found = planted::not_found(3_000);
    assert!(not_found.is_empty(), "{not_found:?}");
}

/// `make explore`.
#[test]
#[ignore = "minutes: make explore"]
fn every_rotation_holds_in_a_million_schedules() {
    let schedules = variable("EXPLORE_SCHEDULES").and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    report::explore_long(schedules);
}

/// `make explore REPLAY='SCENE CHOICES'`.
#[test]
#[ignore = "needs EXPLORE_REPLAY"]
fn a_schedule_replays() {
    let wanted = variable("EXPLORE_REPLAY").expect("set EXPLORE_REPLAY to what the failing schedule names");
    report::replay(&wanted);
}

#[test]
fn the_same_choices_give_the_same_schedule() {
    let scene =
        scene::of_mode(Mode::Alternating).into_iter().find(|scene| scene.cast.len() == 3).expect("three rotators");
    let choices: Choices = "3=1,9=2,20=1".parse().expect("choices");
    // The answers hold random version ids.
    let run = || {
        let steps = report::on_paused_time(search::steps(scene, &choices));
        steps.into_iter().filter(|step| !step.contains("->")).collect::<Vec<_>>()
    };
    let first = run();
    assert_eq!(first, run());
    assert!(first.len() > 50, "{first:?}");
}

#[expect(clippy::disallowed_methods, reason = "a test's own settings come from its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
