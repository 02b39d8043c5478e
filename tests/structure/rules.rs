//! Rules that the diagram does not show.

use crate::workspace::Imports;
use std::collections::BTreeSet;

/// Folders whose members never import each other.
const FAMILIES: [Family; 3] = [
    Family { folder: "src/store", shared: &["version_index"], composing: &[] },
    Family {
        folder: "src/platform",
        shared: &["address", "endpoints", "http", "probes", "response", "token_response"],
        composing: &[],
    },
    Family {
        folder: "crates/simulators/src",
        shared: &["clock", "control", "expires_in", "faults", "http", "invoke", "journal"],
        composing: &["control", "simulation"],
    },
];

/// External crates that the core must not import: no HTTP, no AWS, no Vault, no clap.
const OUTSIDE_THE_CORE: [&str; 14] = [
    "aws_config",
    "aws_sdk_secretsmanager",
    "aws_smithy_runtime_api",
    "aws_smithy_types",
    "clap",
    "hyper",
    "hyper_util",
    "indicatif",
    "lambda_runtime",
    "prost",
    "reqwest",
    "rustify",
    "tonic",
    "vaultrs",
];

struct Family {
    folder: &'static str,
    /// Members that every member may import.
    shared: &'static [&'static str],
    /// Members that may import every member.
    composing: &'static [&'static str],
}

/// Imports of one member of a family by another.
pub fn imports_between_siblings(imports: &Imports) -> Vec<String> {
    let is_wrong = |from: &str, to: &str| {
        FAMILIES.iter().any(|family| match (family.member(from), family.member(to)) {
            (Some(from), Some(to)) => from != to && !family.shared.contains(&to) && !family.composing.contains(&from),
            _ => false,
        })
    };
    let wrong = imports.iter().filter(|((from, to), _)| is_wrong(from, to));
    wrong.map(|((from, to), names)| format!("{from} imports {names:?} of its sibling {to}")).collect()
}

/// Crates of HTTP, AWS, Vault or the command line that the core names.
pub fn crates_outside_the_core(named: &BTreeSet<(String, String)>) -> Vec<String> {
    let is_core = |file: &str| file.starts_with("src/rotation/") || file.starts_with("src/secret");
    let wrong = named.iter().filter(|(file, name)| is_core(file) && OUTSIDE_THE_CORE.contains(&name.as_str()));
    wrong.map(|(file, name)| format!("{file} imports {name}")).collect()
}

impl Family {
    /// The member that a file belongs to. The folder's own `mod.rs` or `lib.rs` composes, and may hold shared items.
    fn member<'a>(&self, file: &'a str) -> Option<&'a str> {
        let member = file.strip_prefix(self.folder)?.strip_prefix('/')?.split('/').next()?;
        let member = member.trim_end_matches(".rs");
        (!["mod", "lib"].contains(&member)).then_some(member)
    }
}
