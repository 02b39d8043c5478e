//! The memory of the programs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ledger::{Program, Sample};
use crate::world::World;

const INTERVAL: Duration = Duration::from_millis(300);
/// The median of a program's memory may grow by this share, and by [`Settings::growth`](crate::settings::Settings::growth),
/// from one quarter of the soak to the next.
const MOST_GROWTH: f64 = 1.15;
/// Fewer samples say nothing.
const FEWEST: usize = 8;
pub const PROGRAMS: [Program; 4] = [Program::Function, Program::Engine, Program::Command, Program::Watch];

/// Samples the memory of all programs until it is aborted.
pub async fn sample(world: Arc<World>, watch: u32) {
    loop {
        let commands = world.ledger.with(|entries| entries.commands.iter().copied().collect::<Vec<_>>());
        let function = world.simulation.function.as_ref().map(|function| function.process_ids()).unwrap_or_default();
        let all = [function, world.bao.engines(), commands, vec![watch]];
        for (program, processes) in PROGRAMS.into_iter().zip(all) {
            let Some(bytes) = processes.iter().filter_map(|process| resident(*process)).max() else { continue };
            world.ledger.with(|entries| entries.samples.push(Sample { at: Instant::now(), program, bytes }));
        }
        sleep(INTERVAL).await;
    }
}

/// The resident size of a process, in bytes (proc(5), `VmRSS`).
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
}

/// The medians of a program's memory in two halves of a time, in bytes.
pub fn medians(world: &World, program: Program, from: Instant, until: Instant) -> Option<(f64, f64)> {
    let middle = from + (until - from) / 2;
    let half = |from: Instant, until: Instant| {
        let mut sizes: Vec<_> = world.ledger.with(|entries| {
            let samples = entries.samples.iter().filter(|sample| sample.program == program);
            samples.filter(|sample| from <= sample.at && sample.at < until).map(|sample| sample.bytes).collect()
        });
        sizes.sort_unstable();
        (sizes.len() >= FEWEST).then(|| sizes[sizes.len() / 2] as f64)
    };
    half(from, middle).zip(half(middle, until))
}

/// Records growth of a program's memory as a failure. `from` is the last kill of the function and the engine.
pub fn check(world: &World, from: Instant, until: Instant) {
    for program in PROGRAMS {
        let Some((first, second)) = medians(world, program, from, until) else { continue };
        if second > first * MOST_GROWTH + world.settings.growth {
            let (first, second) = (first / 1e6, second / 1e6);
            world.ledger.fail(format!("the memory of {program:?} grew from {first:.1} MB to {second:.1} MB"));
        }
    }
}
