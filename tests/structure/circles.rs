//! Circles among files.

use crate::workspace::Imports;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// For each file in a circle, the shortest circle through it: the first file is the last as well.
pub fn circles(imports: &Imports) -> BTreeMap<String, Vec<String>> {
    let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        neighbours.entry(from).or_default().push(to);
    }
    let through = |file: &&str| Some(((*file).to_owned(), shortest_circle(file, &neighbours)?));
    neighbours.keys().filter_map(through).collect()
}

/// Says which file imports what in each circle. A circle is listed once.
pub fn describe<'a>(circles: impl IntoIterator<Item = &'a Vec<String>>, imports: &Imports) -> String {
    let mut described = BTreeMap::new();
    for circle in circles {
        let members: BTreeSet<_> = circle.iter().collect();
        described.entry(members).or_insert_with(|| {
            let steps = circle.windows(2).map(|step| {
                let names: Vec<_> = imports[&(step[0].clone(), step[1].clone())].iter().map(String::as_str).collect();
                format!("{} → {} ({})", step[0], step[1], names.join(", "))
            });
            steps.collect::<Vec<_>>().join("\n  ")
        });
    }
    described.into_values().map(|circle| format!("\n  {circle}\n")).collect()
}

fn shortest_circle(start: &str, neighbours: &BTreeMap<&str, Vec<&str>>) -> Option<Vec<String>> {
    let mut origin: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in neighbours.get(file).into_iter().flatten() {
            if *next == start {
                let mut circle = vec![start.to_owned(), file.to_owned()];
                while circle[circle.len() - 1] != start {
                    circle.push(origin[circle[circle.len() - 1].as_str()].to_owned());
                }
                circle.reverse();
                return Some(circle);
            }
            if !origin.contains_key(next) {
                origin.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}
