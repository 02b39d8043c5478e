//! Explores scenes in a short or a long run, and reports figures and failing schedules.

use std::io::{Write, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use crate::scene::{Mode, Scene, of_mode};
use crate::search::{Bound, Choices, Failure, Figures, Search, steps};

/// The seed of the random schedules.
const SEED: u64 = 0x0b5e_55ed;

pub fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    // The scheduler polls many actors in one poll of its own.
    runtime.expect("a runtime").block_on(tokio::task::unconstrained(work))
}

/// Explores one scene: every schedule with one preemption or one fault, then deeper ones in depth-first order for half of
/// the rest, then random ones.
async fn explore(search: &mut Search, schedules: u64) -> Result<(), Box<Failure>> {
    for (preemptions, faults) in [(0, 1), (1, 0), (1, 1), (2, 1), (2, 2)] {
        let limit = schedules.saturating_sub(search.figures.schedules) / 2;
        if limit == 0 || !search.depth_first(Bound { preemptions, faults }, limit).await? {
            break;
        }
    }
    search.at_random(SEED, schedules.saturating_sub(search.figures.schedules)).await
}

/// Explores the scenes, each with an equal part of the schedules, on as many threads. Returns the figures and failures.
fn explore_all(scenes: &[Scene], schedules: u64, threads: usize) -> (Figures, Vec<Failure>) {
    let (next, found) = (AtomicUsize::new(0), Mutex::new((Figures::default(), Vec::new())));
    let part = schedules.div_ceil(scenes.len() as u64);
    let work = || {
        while let Some(scene) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut search = Search::new(*scene);
            let explored = on_paused_time(explore(&mut search, part));
            let mut found = found.lock();
            found.0.add(search.figures);
            if let Err(failure) = explored {
                say(&failure.to_string());
                found.1.push(*failure);
            }
        }
    };
    thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    found.into_inner()
}

/// Searches a scene for a failure. Returns it, and the number of schedules that the search needed.
pub fn find(scene: Scene, schedules: u64) -> Option<(Failure, u64)> {
    let mut search = Search::new(scene);
    let failure = on_paused_time(explore(&mut search, schedules)).err()?;
    Some((*failure, search.figures.schedules))
}

/// Explores scenes on one thread.
pub fn explore_short(scenes: &[Scene], schedules: u64) {
    let began = Instant::now();
    check(explore_all(scenes, schedules, 1), began);
}

/// Explores every scene on every processor.
pub fn explore_long(schedules: u64) {
    let scenes: Vec<Scene> = Mode::ALL.into_iter().flat_map(of_mode).collect();
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let began = Instant::now();
    check(explore_all(&scenes, schedules, threads), began);
}

fn check((figures, failures): (Figures, Vec<Failure>), began: Instant) {
    say(&format!("{figures} in {:.1} s", began.elapsed().as_secs_f64()));
    let broken: Vec<String> =
        failures.iter().map(|failure| format!("{}: {}", failure.scene, failure.violation)).collect();
    assert!(broken.is_empty(), "{} scenes fail:\n{}", broken.len(), broken.join("\n"));
}

/// Runs one schedule again: `SCENE CHOICES`, as a failing schedule names them.
pub fn replay(wanted: &str) {
    let (name, choices) = wanted.trim().split_once(' ').unwrap_or((wanted.trim(), ""));
    let scene = Mode::ALL.into_iter().flat_map(of_mode).find(|scene| scene.to_string() == name);
    let scene = scene.unwrap_or_else(|| panic!("there is no scene {name:?}"));
    let choices: Choices = choices.parse().expect("choices");
    on_paused_time(steps(scene, &choices)).iter().for_each(|line| say(line));
}

pub fn say(text: &str) {
    drop(writeln!(stderr(), "{text}"));
}
