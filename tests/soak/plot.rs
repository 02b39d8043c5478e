//! The plot of a soak, as SVG: outages, latency and memory over time.

use std::fmt::Write as _;

use tokio::time::Instant;

use crate::Phases;
use crate::accounts::is_accepted_gap;
use crate::ledger::{Entries, Program, RotationEnd};
use crate::memory::PROGRAMS;
use crate::report::since;
use crate::world::World;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const HEIGHT: f64 = 150.0;
const GAP: f64 = 50.0;
/// How many parts of the time the latency is shown for.
const BUCKETS: usize = 80;
/// How many samples a line of the memory shows.
const MOST_POINTS: usize = 500;
const COLOURS: [&str; 4] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd"];

/// A panel: its number, its title, and the value at its top.
struct Panel {
    top: f64,
    seconds: f64,
    most: f64,
}

impl Panel {
    fn new(text: &mut String, number: usize, title: &str, seconds: f64, most: f64) -> Self {
        let top = 40.0 + number as f64 * (HEIGHT + GAP);
        let _ = writeln!(
            text,
            "<text x='{LEFT}' y='{:.0}'>{title}</text><rect x='{LEFT}' y='{top}' width='{}' height='{HEIGHT}' \
             fill='none' stroke='#999'/><text x='8' y='{:.0}'>{most:.1}</text><text x='8' y='{:.0}'>0</text>",
            top - 8.0,
            WIDTH - LEFT,
            top + 12.0,
            top + HEIGHT
        );
        Self { top, seconds, most }
    }

    fn point(&self, seconds: f64, value: f64) -> (f64, f64) {
        let x = LEFT + (WIDTH - LEFT) * (seconds / self.seconds).min(1.0);
        (x, self.top + HEIGHT * (1.0 - (value / self.most).min(1.0)))
    }

    fn line(&self, text: &mut String, colour: &str, points: impl Iterator<Item = (f64, f64)>) {
        let points: String = points.fold(String::new(), |mut line, (seconds, value)| {
            let (x, y) = self.point(seconds, value);
            let _ = write!(line, "{x:.1},{y:.1} ");
            line
        });
        let _ = writeln!(text, "<polyline fill='none' stroke='{colour}' points='{points}'/>");
    }

    fn tick(&self, text: &mut String, colour: &str, seconds: f64, from: f64, to: f64) {
        let ((x, from), (_, to)) = (self.point(seconds, from), self.point(seconds, to));
        let _ = writeln!(text, "<line x1='{x:.1}' x2='{x:.1}' y1='{from:.1}' y2='{to:.1}' stroke='{colour}'/>");
    }
}

pub fn draw(world: &World, phases: &Phases) -> String {
    let seconds = since(phases, Instant::now()).max(1.0);
    let height = 40.0 + 3.0 * (HEIGHT + GAP);
    let mut text = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:.0} {height:.0}' font-family='sans-serif' \
         font-size='12'><rect width='100%' height='100%' fill='white'/>\n",
        WIDTH + 10.0
    );
    world.ledger.with(|entries| {
        outages(&mut text, world, phases, entries, seconds);
        latency(&mut text, phases, entries, seconds);
        memory(&mut text, phases, entries, seconds);
    });
    let _ = writeln!(text, "<text x='{LEFT}' y='{:.0}'>0 to {seconds:.0} s</text></svg>", height - 20.0);
    text
}

fn outages(text: &mut String, world: &World, phases: &Phases, entries: &Entries, seconds: f64) {
    let title = "secrets; blue: accept_gap, red: outage; ticks: kills of the function (above) and the engine (below)";
    let panel = Panel::new(text, 0, title, seconds, world.secrets.len() as f64);
    for outage in &entries.outages {
        let is_accepted = is_accepted_gap(&world.secrets[outage.secret], outage.what);
        let (x, y) = panel.point(since(phases, outage.from), outage.secret as f64);
        let (end, _) = panel.point(since(phases, outage.until), 0.0);
        let (width, colour) = ((end - x).max(2.0), COLOURS[usize::from(!is_accepted)]);
        let _ = writeln!(text, "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='3' fill='{colour}'/>");
    }
    for (kills, from, to) in [(&entries.function_kills, 1.0, 0.95), (&entries.engine_kills, 0.0, 0.05)] {
        for kill in kills {
            panel.tick(text, "#333", since(phases, *kill), from * panel.most, to * panel.most);
        }
    }
}

fn latency(text: &mut String, phases: &Phases, entries: &Entries, seconds: f64) {
    let mut buckets = vec![Vec::new(); BUCKETS];
    for rotation in entries.rotations.iter().filter(|rotation| rotation.end == RotationEnd::Promoted) {
        let share = since(phases, rotation.ended) / seconds;
        buckets[((share * BUCKETS as f64) as usize).min(BUCKETS - 1)]
            .push((rotation.ended - rotation.began).as_secs_f64());
    }
    let most = buckets.iter().flatten().copied().fold(1.0, f64::max);
    let panel = Panel::new(text, 1, "rotations that were promoted, s; blue: median, red: slowest", seconds, most);
    for bucket in &mut buckets {
        bucket.sort_by(f64::total_cmp);
    }
    let at = |number: usize| (number as f64 + 0.5) / BUCKETS as f64 * seconds;
    let shown = || buckets.iter().enumerate().filter(|(_, bucket)| !bucket.is_empty());
    panel.line(text, COLOURS[0], shown().map(|(number, bucket)| (at(number), bucket[bucket.len() / 2])));
    panel.line(text, COLOURS[1], shown().map(|(number, bucket)| (at(number), bucket[bucket.len() - 1])));
}

fn memory(text: &mut String, phases: &Phases, entries: &Entries, seconds: f64) {
    let most = entries.samples.iter().map(|sample| sample.bytes).max().unwrap_or(1) as f64 / 1e6;
    let title = "memory, MB; blue: function, red: engine, green: rotate, violet: status --watch";
    let panel = Panel::new(text, 2, title, seconds, most);
    let mut of = |program: Program, colour: &str| {
        let samples: Vec<_> = entries.samples.iter().filter(|sample| sample.program == program).collect();
        let samples = samples.iter().step_by(samples.len() / MOST_POINTS + 1);
        panel.line(text, colour, samples.map(|sample| (since(phases, sample.at), sample.bytes as f64 / 1e6)));
    };
    PROGRAMS.into_iter().zip(COLOURS).for_each(|(program, colour)| of(program, colour));
}
