//! The report of a soak: tables on standard output and in `report.md`, and a plot in `soak.svg`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::accounts::{LeftBehind, is_accepted_gap};
use crate::ledger::{Entries, Rotation, RotationEnd};
use crate::memory::{PROGRAMS, medians};
use crate::secrets::Secret;
use crate::world::World;
use crate::{Phases, plot};

pub fn print(text: &str) {
    // Standard output may be closed.
    std::io::stdout().write_all(text.as_bytes()).ok();
}

/// Prints and writes the report, and returns the broken invariants.
pub fn write(world: &World, phases: &Phases, left: &LeftBehind) -> Vec<String> {
    let mut text = format!("# Soak, SEED={}\n\n", world.settings.seed);
    let time = (phases.calm - phases.faults).as_secs_f64() / 60.0;
    let _ = writeln!(text, "{} secrets, {time:.1} minutes of faults and kills.\n", world.secrets.len());
    world.ledger.with(|entries| {
        table(&mut text, world, entries, "driver", |secret| format!("{:?}", secret.driver));
        table(&mut text, world, entries, "kind", |secret| format!("{:?}", secret.kind));
        disturbances(&mut text, world, entries);
    });
    left_behind(&mut text, left);
    memory(&mut text, world, phases);
    let failures = world.ledger.with(|entries| entries.failures.clone());
    let _ = writeln!(text, "Broken invariants: {}\n", failures.len());
    for failure in &failures {
        let _ = writeln!(text, "- {failure}");
    }
    print(&text);
    if let Some(folder) = &world.settings.output {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join("report.md"), &text).expect("the report can be written");
        fs::write(folder.join("soak.svg"), plot::draw(world, phases)).expect("the plot can be written");
        print(&format!("\n{}\n", folder.join("soak.svg").display()));
    }
    failures
}

fn table(text: &mut String, world: &World, entries: &Entries, what: &str, of: impl Fn(&Secret) -> String) {
    let _ = writeln!(
        text,
        "| {what} | secrets | rotations | promoted | failed | killed | p50 | p99 | outages | accepted gaps |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for secret in &world.secrets {
        groups.entry(of(secret)).or_default().push(secret.index);
    }
    for (name, members) in groups {
        let is_member = |secret: usize| members.contains(&secret);
        let rotations: Vec<_> = entries.rotations.iter().filter(|one| is_member(one.secret)).collect();
        let count = |is: fn(&RotationEnd) -> bool| rotations.iter().filter(|one| is(&one.end)).count();
        let (promoted, killed) = (count(|end| *end == RotationEnd::Promoted), count(|end| *end == RotationEnd::Killed));
        let failed = rotations.len() - promoted - killed;
        let outages = entries.outages.iter().filter(|outage| is_member(outage.secret));
        let (gaps, cut): (Vec<_>, Vec<_>) =
            outages.partition(|outage| is_accepted_gap(&world.secrets[outage.secret], outage.what));
        let [p50, p99] = [0.5, 0.99].map(|share| quantile(&rotations, share));
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {promoted} | {failed} | {killed} | {p50:.1} s | {p99:.1} s | {} | {} |",
            members.len(),
            rotations.len(),
            cut.len(),
            gaps.len()
        );
    }
    text.push('\n');
}

/// A quantile of the durations of promoted rotations, in seconds.
fn quantile(rotations: &[&Rotation], share: f64) -> f64 {
    let promoted = rotations.iter().filter(|one| one.end == RotationEnd::Promoted);
    let mut took: Vec<_> = promoted.map(|one| one.ended - one.began).collect();
    took.sort_unstable();
    of_sorted(&took, share).as_secs_f64()
}

fn of_sorted(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn disturbances(text: &mut String, world: &World, entries: &Entries) {
    let mut reads = entries.reads.clone();
    reads.sort_unstable();
    let [p50, p99] = [0.5, 0.99].map(|share| of_sorted(&reads, share).as_secs_f64() * 1e3);
    let (unread, longest) = (entries.unread.0, entries.unread.1.as_secs_f64());
    let _ = writeln!(text, "Reads with a call of the platform: {}, p50 {p50:.0} ms, p99 {p99:.0} ms.", reads.len());
    let _ = writeln!(
        text,
        "Reads that OpenBao did not answer while it started the engine again: {unread}, at most {longest:.1} s.\n"
    );
    let cut = entries.rotations.iter().filter(|one| one.end == RotationEnd::Killed).count();
    let (function, engine) = (entries.function_kills.len(), entries.engine_kills.len());
    let _ = writeln!(text, "| disturbance | number |\n|---|---|");
    let kills = [("kills of a command", cut), ("kills of the function", function), ("kills of the engine", engine)];
    let faults = entries.faults.iter().map(|(name, number)| (*name, *number));
    for (name, number) in kills.into_iter().chain(faults) {
        let _ = writeln!(text, "| {name} | {number} |");
    }
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for rotation in &entries.rotations {
        if let RotationEnd::Failed(name) = &rotation.end {
            let Secret { driver, kind, .. } = &world.secrets[rotation.secret];
            *errors.entry(format!("{name} ({driver:?}, {kind:?})")).or_default() += 1;
        }
    }
    for (name, number) in errors {
        let _ = writeln!(text, "| a rotation failed: {name} | {number} |");
    }
    text.push('\n');
}

fn left_behind(text: &mut String, left: &LeftBehind) {
    let _ = writeln!(text, "| left behind | cause | number |\n|---|---|---|");
    for ((what, cause), number) in left {
        let _ = writeln!(text, "| {what} | {cause} | {number} |");
    }
    text.push('\n');
}

fn memory(text: &mut String, world: &World, phases: &Phases) {
    let _ = writeln!(text, "| memory, without kills | third quarter | fourth quarter | largest |\n|---|---|---|---|");
    for program in PROGRAMS {
        let largest = world.ledger.with(|entries| {
            let samples = entries.samples.iter().filter(|sample| sample.program == program);
            samples.map(|sample| sample.bytes).max().unwrap_or_default()
        });
        let (first, second) = medians(world, program, phases.last_kill, phases.calm).unwrap_or_default();
        let [first, second, largest] = [first, second, largest as f64].map(|bytes| bytes / 1e6);
        let _ = writeln!(text, "| {program:?} | {first:.1} MB | {second:.1} MB | {largest:.1} MB |");
    }
    text.push('\n');
}

/// Seconds from the first fault.
pub fn since(phases: &Phases, at: Instant) -> f64 {
    at.saturating_duration_since(phases.faults).as_secs_f64()
}
