//! The tables of docs/scale.md.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cost::Cost;
use crate::limits::{HOUR, Millis, SECOND};
use crate::model::{self, Plan};
use crate::scenario::{Scenario, Start};

pub const PAGE: &str = "docs/scale.md";

pub const fn window(secrets: usize, clients: usize, length: Millis) -> Scenario {
    Scenario { secrets, clients, start: Start::Window(length) }
}

pub const fn command_line(secrets: usize, clients: usize, at_once: usize) -> Scenario {
    Scenario { secrets, clients, start: Start::CommandLine(at_once) }
}

/// All rotations start in the same second.
pub const AT_ONCE: Millis = SECOND;

const FUNCTION: [Scenario; 9] = [
    window(10, 1, AT_ONCE),
    window(1_000, 20, HOUR),
    window(1_000, 20, AT_ONCE),
    window(1_000, 1, HOUR),
    window(1_000, 1, AT_ONCE),
    window(100_000, 2_000, 3 * HOUR),
    window(100_000, 2_000, HOUR),
    window(100_000, 1, 3 * HOUR),
    window(100_000, 1, 24 * HOUR),
];

const COMMAND_LINE: [Scenario; 5] = [
    command_line(10, 1, 8),
    command_line(1_000, 20, 8),
    command_line(1_000, 20, 32),
    command_line(100_000, 2_000, 8),
    command_line(100_000, 2_000, 32),
];

const COSTS: [Scenario; 3] = [window(10, 1, 3 * HOUR), window(1_000, 20, 3 * HOUR), window(100_000, 2_000, 3 * HOUR)];

const FUNCTION_HEADER: &str = "| secrets | OAuth clients | starts within | functions at once | most writes in a second | refused calls | failed steps | not rotated | last one ends after |";
const COMMAND_LINE_HEADER: &str = "| secrets | `--concurrency` | most writes in a second | ends after |";
const COST_HEADER: &str =
    "| secrets | storage | metrics of each secret | calls to Secrets Manager | Lambda | logs | stack | a month |";

/// The rotations of a secret a day, by `rate(4 hours)`.
const PER_DAY: f64 = 6.0;

/// The rows of fleets of at most this size, each with the header of its table.
pub fn rows(plan: &Plan, largest: usize) -> Vec<(&'static str, String)> {
    let fits = |scenario: &Scenario| scenario.secrets <= largest;
    let mut rows = Vec::new();
    let of = |scenarios: &[Scenario]| scenarios.iter().copied().filter(fits).collect::<Vec<_>>();
    rows.extend(of(&FUNCTION).iter().map(|scenario| (FUNCTION_HEADER, function(scenario, plan))));
    rows.extend(of(&COMMAND_LINE).iter().map(|scenario| (COMMAND_LINE_HEADER, commands(scenario, plan))));
    rows.extend(of(&COSTS).iter().map(|scenario| (COST_HEADER, cost(scenario, plan))));
    rows
}

fn function(scenario: &Scenario, plan: &Plan) -> String {
    let counts = model::run(scenario, plan);
    let Start::Window(length) = scenario.start else { unreachable!("Secrets Manager starts these") };
    row(&[
        number(scenario.secrets as u64),
        number(scenario.clients as u64),
        duration(length),
        number(counts.most_at_once as u64),
        number(counts.most_writes().into()),
        number(counts.refused),
        number(counts.failed_steps),
        number(counts.failed_rotations),
        duration(counts.ended),
    ])
}

fn commands(scenario: &Scenario, plan: &Plan) -> String {
    let counts = model::run(scenario, plan);
    let Start::CommandLine(at_once) = scenario.start else { unreachable!("the command line starts these") };
    let writes = number(counts.most_writes().into());
    row(&[number(scenario.secrets as u64), number(at_once as u64), writes, duration(counts.ended)])
}

fn cost(scenario: &Scenario, plan: &Plan) -> String {
    let counts = model::run(scenario, plan);
    let cost = Cost::of(scenario.secrets, &counts, plan.running() * scenario.secrets as Millis, PER_DAY);
    let Cost { secrets, metrics, calls, function, logs, stack } = cost;
    let amounts = [secrets, metrics, calls, function, logs, stack, cost.total()];
    let cells: Vec<_> = [number(scenario.secrets as u64)].into_iter().chain(amounts.map(dollars)).collect();
    row(&cells)
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// A number with commas.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn dollars(amount: f64) -> String {
    if amount < 100.0 { format!("${amount:.2}") } else { format!("${}", number(amount.round() as u64)) }
}

/// A duration in its two largest units.
pub fn duration(time: Millis) -> String {
    let seconds = time.div_ceil(SECOND);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A file of the project.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The rows of the page's table with this header.
pub fn shown(page: &str, header: &str) -> Vec<String> {
    let after = page.lines().skip_while(|line| *line != header).skip(2);
    after.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// Writes the rows into the page.
pub fn update(rows: &[(&str, String)]) {
    let mut page = fs::read_to_string(file(PAGE)).expect("the page can be read");
    for header in [FUNCTION_HEADER, COMMAND_LINE_HEADER, COST_HEADER] {
        let (before, after) = page.split_once(header).unwrap_or_else(|| panic!("{PAGE} has no table {header}"));
        let rest: Vec<_> = after.lines().skip(1).skip_while(|line| line.starts_with('|')).collect();
        let mut table = format!("{header}\n{}|\n", "|---".repeat(header.matches('|').count() - 1));
        rows.iter().filter(|(of, _)| *of == header).for_each(|(_, row)| {
            let _ = writeln!(table, "{row}");
        });
        page = format!("{before}{table}{}\n", rest.join("\n"));
    }
    fs::write(file(PAGE), page).expect("the page can be written");
}
