//! The diagram of ARCHITECTURE.md as rules: an arrow allows imports, and so does a chain of arrows.

use crate::workspace::Imports;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes by path below `src/`, or below the workspace for a crate, with the nodes that they may import.
pub struct Diagram {
    allowed: BTreeMap<String, BTreeSet<String>>,
}

impl Diagram {
    /// Reads the arrows of every flowchart on a page.
    pub fn of(page: &str) -> Self {
        let mut labels = BTreeMap::new();
        let mut arrows: Vec<(String, String)> = Vec::new();
        for chart in page.split("```mermaid\nflowchart").skip(1) {
            for line in chart.split("```").next().unwrap_or_default().lines().filter(|line| line.contains("-->")) {
                let ends: Vec<Vec<String>> = line.split("-->").map(|side| node_ids(side, &mut labels)).collect();
                for pair in ends.windows(2) {
                    arrows.extend(pair[0].iter().flat_map(|from| pair[1].iter().map(|to| (from.clone(), to.clone()))));
                }
            }
        }
        let path = |id: &String| labels.get(id).unwrap_or(id).clone();
        let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &arrows {
            allowed.entry(path(to)).or_default();
            allowed.entry(path(from)).or_default().insert(path(to));
        }
        Self { allowed: transitive(allowed) }
    }

    /// Nodes that reach themselves along the arrows.
    pub fn circles(&self) -> Vec<&str> {
        let nodes = self.allowed.iter().filter(|(node, reached)| reached.contains(*node));
        nodes.map(|(node, _)| node.as_str()).collect()
    }

    /// Describes each import that no arrow allows.
    pub fn violations(&self, imports: &Imports) -> Vec<String> {
        let wrong = imports.iter().filter(|((from, to), _)| !self.allows(from, to));
        wrong.map(|((from, to), names)| format!("{from} imports {names:?} of {to}")).collect()
    }

    /// The node of a file: the longest path that the file is under. The crate's root composes and has none.
    pub fn node(&self, file: &str) -> Option<&str> {
        let path = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
        let holds = |node: &&String| path == *node || path.starts_with(&format!("{node}/"));
        self.allowed.keys().filter(holds).max_by_key(|node| node.len()).map(String::as_str)
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        let (Some(from), Some(to)) = (self.node(from), self.node(to)) else { return false };
        from == to || self.allowed[from].contains(to)
    }
}

/// The ids on one side of an arrow: `a & b[path/*]`. A label is the node's path.
fn node_ids(side: &str, labels: &mut BTreeMap<String, String>) -> Vec<String> {
    let node = |node: &str| {
        let (id, label) = node.trim().split_once('[').unwrap_or((node.trim(), ""));
        if let Some(path) = label.strip_suffix(']') {
            labels.insert(id.to_owned(), path.trim_matches('"').trim_end_matches("/*").to_owned());
        }
        id.to_owned()
    };
    side.split('&').map(node).collect()
}

fn transitive(mut allowed: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    for _ in 0..allowed.len() {
        let farther = |reached: &BTreeSet<String>| reached.iter().flat_map(|node| &allowed[node]).cloned().collect();
        let farther: Vec<BTreeSet<String>> = allowed.values().map(farther).collect();
        for (reached, farther) in allowed.values_mut().zip(farther) {
            reached.extend(farther);
        }
    }
    allowed
}
