//! The search: schedules in depth-first order within a bound, and schedules at random beyond it.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use crate::hash::mix;
use crate::scene::Scene;
use crate::schedule::{Chooser, Move, Outcome, run};

/// How many preemptions and faults a schedule may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub preemptions: u8,
    pub faults: u8,
}

/// The bound of the issue: the deepest schedules that are explored.
pub const DEEPEST: Bound = Bound { preemptions: 3, faults: 2 };

/// What a search did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub schedules: u64,
    pub states: u64,
    /// The schedules that ended in a state that was seen before.
    pub cut: u64,
    pub ends: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.states += other.states;
        self.cut += other.cut;
        self.ends += other.ends;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, states, cut, ends } = self;
        write!(formatter, "{schedules} schedules ({cut} ended in a known state), {states} states, {ends} ends")
    }
}

/// The choices of a schedule: the points at which it took another option than the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(pub Vec<u8>);

/// A schedule that broke an invariant.
#[derive(Clone, Debug)]
pub struct Failure {
    pub scene: Scene,
    pub choices: Choices,
    pub violation: String,
    pub log: Vec<String>,
}

impl fmt::Display for Choices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.0.iter().enumerate().filter(|(_, choice)| **choice != 0);
        let taken: Vec<String> = taken.map(|(point, choice)| format!("{point}={choice}")).collect();
        formatter.write_str(&taken.join(","))
    }
}

impl FromStr for Choices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut choices = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (point, choice) =
                part.split_once('=').ok_or_else(|| format!("{part:?} is not of the form POINT=CHOICE"))?;
            let point: usize = point.parse().map_err(|_| format!("{point:?} is not a number"))?;
            choices.resize(choices.len().max(point + 1), 0);
            choices[point] = choice.parse().map_err(|_| format!("{choice:?} is not a number"))?;
        }
        Ok(Self(choices))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{}\n  scene   {}\n  replay  make explore REPLAY='{} {}'",
            self.violation, self.scene, self.scene, self.choices
        )?;
        self.log.iter().try_for_each(|line| writeln!(formatter, "  {line}"))
    }
}

/// The states that a search has seen, each with the budgets that were left.
#[derive(Default)]
struct Seen {
    states: HashMap<u64, u16>,
    ends: HashSet<u64>,
}

impl Seen {
    /// Records a state. Returns whether it was seen before with at least this much budget left.
    fn is_known(&mut self, hash: u64, left: Bound) -> bool {
        let known = self.states.entry(hash).or_default();
        let bit = |preemptions: u8, faults: u8| 1_u16 << (preemptions * 3 + faults);
        if *known & bit(left.preemptions, left.faults) != 0 {
            return true;
        }
        for preemptions in 0..=left.preemptions {
            for faults in 0..=left.faults {
                *known |= bit(preemptions, faults);
            }
        }
        false
    }
}

/// A choice point on the way of a schedule.
#[derive(Clone, Copy)]
struct Point {
    taken: u8,
    /// The options that are left to take, as bits.
    left: u64,
}

/// Takes a prefix of choices, then the first option at every point, and notes the other ones that the budget allows.
struct DepthFirst<'a> {
    points: Vec<Point>,
    /// How many of the points are to be taken again.
    prefix: usize,
    at: usize,
    left: Bound,
    seen: &'a mut Seen,
    figures: &'a mut Figures,
}

impl Chooser for DepthFirst<'_> {
    fn choose(&mut self, options: &[Move], hash: impl FnOnce() -> u64) -> Option<usize> {
        let taken = if self.at < self.prefix {
            usize::from(self.points[self.at].taken)
        } else {
            if self.seen.is_known(hash(), self.left) {
                self.figures.cut += 1;
                return None;
            }
            let affordable =
                |option: &Move| option.preemptions <= self.left.preemptions && option.faults <= self.left.faults;
            let others = options.iter().enumerate().take(64).skip(1).filter(|(_, option)| affordable(option));
            let left = others.fold(0, |bits, (index, _)| bits | 1 << index);
            self.points.push(Point { taken: 0, left });
            0
        };
        self.at += 1;
        let option = options[taken];
        self.left.preemptions -= option.preemptions;
        self.left.faults -= option.faults;
        Some(taken)
    }

    fn is_end_known(&mut self, hash: u64) -> bool {
        !self.seen.ends.insert(hash)
    }
}

/// Takes the choices of a schedule again.
struct Replay<'a> {
    choices: &'a Choices,
    at: usize,
}

impl Chooser for Replay<'_> {
    fn choose(&mut self, options: &[Move], _: impl FnOnce() -> u64) -> Option<usize> {
        let taken = self.choices.0.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        Some(usize::from(taken).min(options.len() - 1))
    }

    fn is_end_known(&mut self, _: u64) -> bool {
        false
    }
}

/// Deviates from the first option at random points.
struct AtRandom<'a> {
    random: u64,
    left: Bound,
    choices: Choices,
    seen: &'a mut Seen,
}

impl AtRandom<'_> {
    fn next(&mut self) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (mix(0, self.random) >> 33) as usize
    }
}

impl Chooser for AtRandom<'_> {
    fn choose(&mut self, options: &[Move], hash: impl FnOnce() -> u64) -> Option<usize> {
        self.seen.states.entry(hash()).or_default();
        let deviates = options.len() > 1 && self.next().is_multiple_of(7);
        let taken = if deviates { 1 + self.next() % (options.len() - 1) } else { 0 };
        let option = options[taken];
        let fits = option.preemptions <= self.left.preemptions && option.faults <= self.left.faults;
        let taken = if fits { taken } else { 0 };
        self.left.preemptions -= options[taken].preemptions;
        self.left.faults -= options[taken].faults;
        self.choices.0.push(taken as u8);
        Some(taken)
    }

    fn is_end_known(&mut self, hash: u64) -> bool {
        !self.seen.ends.insert(hash)
    }
}

/// The search of one scene.
pub struct Search {
    pub scene: Scene,
    pub figures: Figures,
    seen: Seen,
}

impl Search {
    pub fn new(scene: Scene) -> Self {
        Self { scene, figures: Figures::default(), seen: Seen::default() }
    }

    /// Runs every schedule within a bound, at most `limit` of them. Returns whether it ran all of them, or the failure.
    pub async fn depth_first(&mut self, bound: Bound, limit: u64) -> Result<bool, Box<Failure>> {
        self.seen.states.clear();
        let (mut points, mut prefix): (Vec<Point>, usize) = (Vec::new(), 0);
        let mut ran = 0;
        loop {
            let chooser =
                DepthFirst { points, prefix, at: 0, left: bound, seen: &mut self.seen, figures: &mut self.figures };
            let (outcome, walked) = walk(self.scene, chooser).await;
            points = walked;
            ran += 1;
            self.figures.schedules += 1;
            if outcome.violation.is_some() {
                let choices = Choices(points.iter().map(|point| point.taken).collect());
                return Err(Box::new(
                    replay(self.scene, &choices).await.unwrap_or_else(|| self.unrepeatable(choices, outcome)),
                ));
            }
            while points.last().is_some_and(|point| point.left == 0) {
                points.pop();
            }
            let Some(last) = points.last_mut() else { break };
            last.taken = last.left.trailing_zeros() as u8;
            last.left &= last.left - 1;
            prefix = points.len();
            if ran >= limit {
                self.count();
                return Ok(false);
            }
        }
        self.count();
        Ok(true)
    }

    /// Runs schedules with random deviations.
    pub async fn at_random(&mut self, seed: u64, schedules: u64) -> Result<(), Box<Failure>> {
        self.seen.states.clear();
        for index in 0..schedules {
            let random = mix(mix(seed, index), 0x9e37_79b9_7f4a_7c15);
            let mut chooser = AtRandom { random, left: DEEPEST, choices: Choices::default(), seen: &mut self.seen };
            let outcome = run(self.scene, &mut chooser, false).await;
            let choices = chooser.choices;
            self.figures.schedules += 1;
            if outcome.violation.is_some() {
                return Err(Box::new(
                    replay(self.scene, &choices).await.unwrap_or_else(|| self.unrepeatable(choices, outcome)),
                ));
            }
        }
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        self.figures.states += self.seen.states.len() as u64;
        self.figures.ends = self.seen.ends.len() as u64;
    }

    fn unrepeatable(&self, choices: Choices, outcome: Outcome) -> Failure {
        let violation = format!("not repeatable: {}", outcome.violation.unwrap_or_default());
        Failure { scene: self.scene, choices, violation, log: Vec::new() }
    }
}

async fn walk(scene: Scene, mut chooser: DepthFirst<'_>) -> (Outcome, Vec<Point>) {
    let outcome = run(scene, &mut chooser, false).await;
    (outcome, chooser.points)
}

/// Runs one schedule again, with its steps in words. Returns its failure.
pub async fn replay(scene: Scene, choices: &Choices) -> Option<Failure> {
    let outcome = run(scene, &mut Replay { choices, at: 0 }, true).await;
    let violation = outcome.violation?;
    Some(Failure { scene, choices: choices.clone(), violation, log: outcome.log })
}

/// The steps of a schedule in words, and its violation.
pub async fn steps(scene: Scene, choices: &Choices) -> Vec<String> {
    let outcome = run(scene, &mut Replay { choices, at: 0 }, true).await;
    outcome.log.into_iter().chain(outcome.violation).collect()
}
