//! The plot of docs/scale.md: how long fleets of each size take. Readable on a light and on a dark page.

use std::fmt::Write as _;

use crate::limits::{Counts, HOUR, Millis, SECOND};
use crate::model::{self, Plan};
use crate::page::{AT_ONCE, command_line, duration, number, window};
use crate::scenario::Scenario;

/// The plot, from the project directory.
pub const PLOT: &str = "docs/images/scale.svg";

const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
/// Many more at once than this is no plan.
const MOST_AT_ONCE: usize = 10_000;
const SECRETS_OF_A_CLIENT: usize = 50;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 500.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 190.0;

/// The shortest and the longest time of the scale.
const SCALE: (Millis, Millis) = (SECOND, 12 * HOUR);
const MARKS: [Millis; 6] = [SECOND, 10 * SECOND, 60 * SECOND, 600 * SECOND, HOUR, 6 * HOUR];

const STYLE: &str = "<style>\
    svg{--page:#fff;--text:#1f2328;--grid:#d1d9e0;--c0:#b3261e;--c1:#0b57d0;--c2:#00695c;--c3:#8430ce}\
    @media(prefers-color-scheme:dark){svg{--page:#0d1117;--text:#e6edf3;--grid:#3d444d;\
    --c0:#ff8f86;--c1:#7cb5ff;--c2:#4fd1b5;--c3:#d3a6ff}}\
    rect{fill:var(--page)}text{fill:var(--text);font:18px sans-serif}line{stroke:var(--grid)}</style>";

/// A line of the plot: its name, its fleets, and the dashes of its stroke.
type Line = (&'static str, fn(usize, usize) -> Scenario, usize, &'static str);

const LINES: [Line; 4] = [
    ("Secrets Manager, all at once", |size, clients| window(size, clients, AT_ONCE), MOST_AT_ONCE, "none"),
    ("Secrets Manager, within 1 h", |size, clients| window(size, clients, HOUR), usize::MAX, "9 4"),
    ("Secrets Manager, within 3 h", |size, clients| window(size, clients, 3 * HOUR), usize::MAX, "3 3"),
    ("rotate --all, 8 at once", |size, clients| command_line(size, clients, 8), usize::MAX, "12 3 3 3"),
];

fn x(secrets: usize) -> f64 {
    let share = (secrets as f64 / SIZES[0] as f64).log10() / (SIZES[4] as f64 / SIZES[0] as f64).log10();
    LEFT + (WIDTH - LEFT - RIGHT) * share
}

fn y(time: Millis) -> f64 {
    let (least, most) = SCALE;
    let share = (time.max(least) as f64 / least as f64).ln() / (most as f64 / least as f64).ln();
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share
}

/// Simulates the fleets and draws them.
pub fn draw(plan: &Plan) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img'>\
         <title>Time until all secrets of a fleet are rotated</title>{STYLE}\n<rect width='100%' height='100%'/>\n"
    );
    axes(&mut svg);
    for (place, (name, of, most, dashes)) in LINES.into_iter().enumerate() {
        let sizes = SIZES.into_iter().filter(|size| *size <= most);
        let run = |size: usize| (size, model::run(&of(size, size.div_ceil(SECRETS_OF_A_CLIENT)), plan));
        line(&mut svg, place, dashes, &sizes.map(run).collect::<Vec<_>>());
        legend(&mut svg, place, dashes, name);
    }
    let _ = writeln!(svg, "<text x='{LEFT}' y='{}'>hollow: steps failed and were repeated</text>", HEIGHT - 22.0);
    svg + "</svg>\n"
}

fn axes(svg: &mut String) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let _ = writeln!(svg, "<text x='{LEFT}' y='20'>time until all secrets are rotated, by number of secrets</text>");
    for time in MARKS {
        let (at, label) = (y(time), duration(time));
        let _ = writeln!(svg, "<line x1='{LEFT}' x2='{right}' y1='{at:.0}' y2='{at:.0}'/>");
        let _ = writeln!(svg, "<text x='{:.0}' y='{:.0}' text-anchor='end'>{label}</text>", LEFT - 8.0, at + 6.0);
    }
    for size in SIZES {
        let (at, label) = (x(size), number(size as u64));
        let anchor = if size == SIZES[4] { "end" } else { "middle" };
        let _ = writeln!(svg, "<line x1='{at:.0}' x2='{at:.0}' y1='{TOP}' y2='{bottom}'/>");
        let _ = writeln!(svg, "<text x='{at:.0}' y='{:.0}' text-anchor='{anchor}'>{label}</text>", bottom + 24.0);
    }
}

/// A point is filled if every secret was rotated without a failed step, and hollow if not.
fn line(svg: &mut String, place: usize, dashes: &str, points: &[(usize, Counts)]) {
    let path = points.iter().map(|(size, counts)| format!("{:.0},{:.0}", x(*size), y(counts.ended)));
    let path = path.collect::<Vec<_>>().join(" ");
    let stroke = format!("stroke='var(--c{place})' stroke-width='2'");
    let _ = writeln!(svg, "<polyline fill='none' {stroke} stroke-dasharray='{dashes}' points='{path}'/>");
    for (size, counts) in points {
        let fill = if counts.failed_steps == 0 { format!("var(--c{place})") } else { "var(--page)".to_owned() };
        let (x, y) = (x(*size), y(counts.ended));
        let _ = writeln!(svg, "<circle cx='{x:.0}' cy='{y:.0}' r='5' fill='{fill}' {stroke}/>");
    }
}

fn legend(svg: &mut String, place: usize, dashes: &str, name: &str) {
    let at = HEIGHT - BOTTOM + 54.0 + 26.0 * place as f64;
    let (to, text, base) = (LEFT + 50.0, LEFT + 62.0, at + 6.0);
    let stroke = format!("stroke='var(--c{place})' stroke-width='2'");
    let _ = writeln!(svg, "<polyline {stroke} stroke-dasharray='{dashes}' points='{LEFT},{at} {to},{at}'/>");
    let _ = writeln!(svg, "<text x='{text}' y='{base}'>{name}</text>");
}
