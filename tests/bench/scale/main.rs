//! What rotating 10, 1,000 and 100,000 secrets meets: a simulation in virtual time, whose figures docs/scale.md shows.
//!
//! `real` runs the rotation itself. `model` replays its calls, and is checked against it. `make test` simulates the small
//! fleets, `make bench` all of them; `UPDATE_DOCS=1 make bench` writes the page's tables and plot.

mod cost;
mod limits;
mod model;
mod page;
mod plot;
mod real;
mod scenario;

use std::fs;

use limits::{Counts, HOUR};
use model::Plan;
use page::{AT_ONCE, PAGE, command_line, file, window};
use plot::PLOT;
use scenario::Scenario;

/// The fleets that the model is checked with.
const CHECKED: [Scenario; 6] = [
    window(10, 1, HOUR),
    window(1_000, 20, HOUR),
    window(1_000, 20, AT_ONCE),
    window(1_000, 1, AT_ONCE),
    command_line(10, 1, 8),
    command_line(1_000, 20, 32),
];

/// The size of the fleets that `make test` simulates.
const SMALL: usize = 1_000;

fn paused<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().expect("a runtime").block_on(work)
}

fn plan() -> Plan {
    paused(Plan::record())
}

/// Whether two figures differ by at most a twentieth.
fn is_near(one: u64, other: u64) -> bool {
    one.abs_diff(other) * 20 <= one.max(other)
}

fn assert_model_agrees(scenario: &Scenario, plan: &Plan) {
    let (real, model) = (paused(real::run(scenario)), model::run(scenario, plan));
    assert_eq!(real.promoted + real.failed_rotations, scenario.secrets as u64);
    let figures = |counts: &Counts| {
        let Counts { store_calls, token_requests, refused, invocations, failed_steps, promoted, ended, .. } = counts;
        [*store_calls, *token_requests, *refused, *invocations, *failed_steps, *promoted, *ended]
    };
    let pairs: Vec<_> = figures(&real).into_iter().zip(figures(&model)).collect();
    assert!(pairs.iter().all(|(real, model)| is_near(*real, *model)), "{scenario:?}: real and model: {pairs:?}");
}

#[test]
fn the_model_agrees_with_the_rotation_to_a_twentieth() {
    let plan = plan();
    CHECKED.iter().for_each(|scenario| assert_model_agrees(scenario, &plan));
}

#[test]
#[ignore = "100,000 rotations: make bench"]
fn the_model_agrees_with_the_rotation_of_100_000_secrets() {
    assert_model_agrees(&window(100_000, 2_000, 3 * HOUR), &plan());
}

#[test]
fn a_rotation_makes_eleven_calls_to_the_store_and_three_to_the_platform_in_a_chain_of_eight() {
    let plan = plan();
    assert_eq!(plan.totals(), (11, 3, 8));
}

#[test]
fn the_page_shows_the_simulation_of_small_fleets() {
    let page = fs::read_to_string(file(PAGE)).expect("the page can be read");
    for (header, row) in page::rows(&plan(), SMALL) {
        assert!(page::shown(&page, header).contains(&row), "{PAGE}: run UPDATE_DOCS=1 make bench\n{header}\n{row}");
    }
}

#[test]
#[ignore = "large fleets: make bench"]
#[expect(clippy::disallowed_methods, reason = "the caller sets the variable")]
fn the_page_shows_the_simulation_of_every_fleet() {
    let plan = plan();
    let (rows, drawn) = (page::rows(&plan, usize::MAX), plot::draw(&plan));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        page::update(&rows);
        return fs::write(file(PLOT), drawn).expect("the plot can be written");
    }
    let page = fs::read_to_string(file(PAGE)).expect("the page can be read");
    for header in rows.iter().map(|(header, _)| *header) {
        let expected: Vec<_> = rows.iter().filter(|(of, _)| *of == header).map(|(_, row)| row.clone()).collect();
        assert_eq!(page::shown(&page, header), expected, "{PAGE}: run UPDATE_DOCS=1 make bench");
    }
    let shown = fs::read_to_string(file(PLOT)).expect("the plot can be read");
    assert!(shown == drawn, "{PLOT}: run UPDATE_DOCS=1 make bench");
}
