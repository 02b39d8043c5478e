//! The house: dependencies point one way, and no file outgrows its reader.
//!
//! Read from the sources' own `use` lines and paths, so that a wrong turn fails here by its name.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest that a file may be, in lines.
const LONGEST_FILE: usize = 400;

/// What each part may import of the crate.
const LAYERS: [(&str, &[&str]); 11] = [
    ("bin", &["cli", "engine", "lambda", "log_filter", "platform", "rotation", "secret", "store"]),
    // It meets the simulators in its binary alone.
    ("cli", &["log_filter", "platform", "rotation", "secret", "store"]),
    ("lambda", &["log_filter", "platform", "rotation", "secret", "store"]),
    ("engine", &["log_filter", "platform", "rotation", "secret", "store"]),
    ("store", &["loopback", "rotation", "secret"]),
    ("platform", &["loopback", "rotation", "secret"]),
    ("rotation", &["secret"]),
    ("secret", &[]),
    ("log_filter", &[]),
    ("loopback", &[]),
    // It shares no types with the product, so that a misspelt field cannot pass on both sides.
    ("sim", &[]),
];

/// Parts whose members never import each other, but for those that serve all of them.
const FAMILIES: [Family; 3] = [
    Family { part: "store", shared: &["version_index"], composing: &[] },
    Family { part: "platform", shared: &["answer", "endpoints", "http", "token_answer"], composing: &[] },
    Family {
        part: "sim",
        shared: &["control", "faults", "http", "invoke", "journal"],
        composing: &["control", "simulation"],
    },
];

/// Parts of `vault_plugin` that know nothing of the rest of the crate, but for those named, so that they could be
/// lifted out together as a library.
const LIBRARIES: [(&str, &[&str]); 2] = [("transport", &[]), ("framework", &["transport"])];

/// What the core knows nothing of.
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
    part: &'static str,
    shared: &'static [&'static str],
    composing: &'static [&'static str],
}

/// What is wrong with the imports of a file, given by its path under `src`.
fn wrong_imports(file: &str, source: &str) -> Vec<String> {
    let module = module_of(file);
    let Some(part) = module.first() else { return Vec::new() };
    let imports = imports(source, &module);
    let wrong = imports.iter().filter(|import| !is_allowed(part, &module, import));
    wrong.map(|import| format!("{file} imports {}", import.join("::"))).collect()
}

fn is_allowed(part: &str, module: &[String], import: &[String]) -> bool {
    let Some((root, path)) = import.split_first() else { return true };
    if root != "crate" {
        let core = part == "rotation" || part == "secret";
        return !(core && OUTSIDE_THE_CORE.contains(&root.as_str()));
    }
    let Some(to) = path.first() else { return true };
    if let Some((library, others)) = library(module) {
        let is_within = path.get(1).is_none_or(|to| to == library || others.contains(&to.as_str()));
        return to == part && is_within;
    }
    if to == part {
        return is_allowed_in_family(module, path);
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == part) else { return false };
    allowed.contains(&to.as_str())
}

/// The library that a module belongs to, and those that it may import.
fn library(module: &[String]) -> Option<&'static (&'static str, &'static [&'static str])> {
    let [part, library, ..] = module else { return None };
    LIBRARIES.iter().find(|(name, _)| part == "vault_plugin" && name == library)
}

fn is_allowed_in_family(module: &[String], to: &[String]) -> bool {
    let Some(family) = FAMILIES.iter().find(|family| family.part == module[0]) else { return true };
    // The part's own mod.rs puts its members together, and may hold what all of them use.
    let (Some(from), Some(to)) = (module.get(1), to.get(1)) else { return true };
    let is_member = is_member(family.part, to);
    from == to || !is_member || family.shared.contains(&to.as_str()) || family.composing.contains(&from.as_str())
}

/// Whether a part has a module of this name, rather than a type or a function.
fn is_member(part: &str, name: &str) -> bool {
    let part = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(part);
    part.join(name).is_dir() || part.join(format!("{name}.rs")).is_file()
}

/// `store/aws/failure.rs` is `store::aws::failure`, `store/mod.rs` is `store`, and lib.rs is the crate itself.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Every path that the source imports, or names from the crate's root, as absolute as can be.
fn imports(source: &str, module: &[String]) -> Vec<Vec<String>> {
    let code = without_comments_and_strings(source);
    let (code, tests) = code.split_once("mod tests {").unwrap_or((&code, ""));
    let in_tests: Vec<_> = module.iter().cloned().chain(["tests".to_owned()]).collect();
    let paths = |code, module: &[String]| -> Vec<_> { named(code).iter().map(|path| absolute(path, module)).collect() };
    [paths(code, module), paths(tests, &in_tests)].concat()
}

fn named(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, keyword) in code.match_indices("use ").filter(|(at, _)| begins_statement(&code[..*at])) {
        let tree = code[at + keyword.len()..].split(';').next().unwrap_or_default();
        expand(tree, &[], &mut paths);
    }
    for root in ["crate::", "genesys_rotator::", "super::super::"] {
        paths.extend(code.match_indices(root).map(|(at, _)| plain_path(&code[at..])));
    }
    paths
}

/// A log target or a sentence may look like a path. What stands in quotes on one line is left out.
fn without_comments_and_strings(source: &str) -> String {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let outside = |line: &str| line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    lines.map(outside).collect::<Vec<_>>().join("\n")
}

/// Whether nothing but `pub` or `pub(…)` stands before this on its line.
fn begins_statement(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || line == "pub" || (line.starts_with("pub(") && line.ends_with(')'))
}

/// Takes a `use` tree apart: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let mut prefix = prefix.to_vec();
        prefix.extend(segments(head));
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        for branch in branches(group) {
            expand(branch, &prefix, paths);
        }
    } else if !tree.is_empty() {
        paths.push(prefix.iter().cloned().chain(segments(tree)).collect());
    }
}

/// Splits at the commas that are in no inner group.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found
}

fn segments(path: &str) -> Vec<String> {
    let path = path.split(" as ").next().unwrap_or_default();
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The path that begins a text.
fn plain_path(text: &str) -> Vec<String> {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
    segments(&text[..end.unwrap_or(text.len())])
}

/// Resolves `self`, `super` and the crate's own name against the module.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = path;
    let is_relative = matches!(rest.first().map(String::as_str), Some("self" | "super"));
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    if is_relative {
        return ["crate".to_owned()].into_iter().chain(base).chain(rest.iter().cloned()).collect();
    }
    let mut path = path.to_vec();
    if path.first().is_some_and(|root| root == "genesys_rotator") {
        path[0] = "crate".to_owned();
    }
    path
}

/// Every source file under `src` with its text, by its path from there.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&root).expect("it is under src").display().to_string();
        (name, fs::read_to_string(path).expect("a source file can be read"))
    };
    files.iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let wrong: Vec<_> = sources().iter().flat_map(|(file, source)| wrong_imports(file, source)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_part_of_the_crate_has_its_place_in_the_house() {
    for (file, _) in sources() {
        let module = module_of(&file);
        let Some(part) = module.first() else { continue };
        assert!(LAYERS.iter().any(|(name, _)| name == part), "{file}: say in LAYERS what {part} may import");
    }
}

#[test]
fn no_file_is_longer_than_its_reader_bears() {
    for (file, source) in sources() {
        let lines = source.lines().count();
        assert!(lines <= LONGEST_FILE, "{file} has {lines} lines");
    }
}

#[test]
fn a_wrong_turn_is_found_however_it_is_written() {
    for (file, line) in [
        ("rotation/step.rs", "use crate::platform::Platforms;"),
        ("rotation/step.rs", "use reqwest::Client;"),
        ("rotation/mod.rs", "use super::store::aws::AwsSecretsManager;"),
        ("rotation/step.rs", "    let x = crate::store::memory::MemoryStore::new();"),
        ("rotation/check.rs", "mod tests {\n    use super::*;\n    use crate::store::memory::MemoryStore;\n}"),
        ("rotation/step.rs", "pub(crate) use super::super::lambda::Event;"),
        ("secret.rs", "use crate::{\n    rotation::{Step, Clock},\n};"),
        ("cli/demo.rs", "use simulators::{Simulation, SimulationSettings};"),
        ("platform/http.rs", "use crate::store::memory;"),
        ("platform/http.rs", "use super::genesys_cloud::Region;"),
        ("platform/cxone/mod.rs", "use super::genesys_cloud::region::Region;"),
        ("store/file.rs", "use super::aws::load_config;"),
        ("store/aws/mod.rs", "use crate::{secret::same, store::{file::FileStore}};"),
        ("store/aws/failure.rs", "use super::super::memory::MemoryStore;"),
        ("store/file.rs", "use simulators::Simulation;"),
        ("sim/http.rs", "use crate::secret::SecretString;"),
        ("sim/genesys/state.rs", "use simulators::secrets_manager::Settings;"),
        ("sim/genesys/state.rs", "use crate::rotation::Clock as Time;"),
        ("lambda/event.rs", "use simulators::Simulation;"),
        ("lambda/event.rs", "use crate::cli::run;"),
        ("cli/run.rs", "use crate::lambda::Event;"),
        ("vault_plugin/mod.rs", "use crate::cli::run;"),
        ("vault_plugin/transport/serve.rs", "use crate::rotation::Clock;"),
        ("vault_plugin/transport/serve.rs", "use crate::secret::SecretString;"),
        ("vault_plugin/transport/serve.rs", "use crate::vault_plugin::engine::Role;"),
        ("vault_plugin/transport/serve.rs", "use super::super::engine::Role;"),
        ("vault_plugin/transport/serve.rs", "use super::super::framework::Router;"),
        ("vault_plugin/framework/mod.rs", "use crate::rotation::Clock;"),
        ("vault_plugin/framework/router.rs", "use crate::vault_plugin::engine::Role;"),
    ] {
        let wrong = wrong_imports(file, line);
        assert!(!wrong.is_empty(), "{file} got away with: {line}");
    }
}

#[test]
fn a_right_turn_passes() {
    for (file, line) in [
        ("rotation/step.rs", "use super::error::{ErrorKind, Result};\nuse crate::secret::SecretString;"),
        ("rotation/step.rs", "// use crate::platform::Platforms;"),
        ("rotation/check.rs", "mod tests {\n    use super::*;\n    use crate::rotation::version::PREVIOUS;\n}"),
        ("store/aws/failure.rs", "use super::AwsSecretsManager;\nuse crate::rotation::{ErrorKind, SecretId};"),
        ("platform/genesys_cloud/token.rs", "use crate::platform::http::{Answer, send};"),
        ("platform/mod.rs", "use self::genesys_cloud::GenesysCloud;"),
        ("platform/genesys_cloud/region.rs", "use crate::platform::shown;"),
        ("log_filter.rs", "mod tests {\n    use super::*;\n    const TARGET: &str = \"genesys_rotator::rotation\";\n}"),
        ("bin/genesys-rotator-lambda.rs", "use genesys_rotator::lambda::{Function, Metrics};"),
        ("sim/genesys/mod.rs", "use super::http::{Reply, Request};"),
        ("vault_plugin/engine.rs", "use super::transport::Backend;\nuse crate::rotation::Rotator;"),
        ("vault_plugin/framework/call.rs", "use super::value::Values;\nuse crate::vault_plugin::transport::Request;"),
        ("vault_plugin/framework/mod.rs", "use super::transport::Request;"),
        ("vault_plugin/engine/mod.rs", "use crate::vault_plugin::framework::Router;"),
        (
            "vault_plugin/transport/serve.rs",
            "use super::backend::Engine;\nuse crate::vault_plugin::transport::Storage;",
        ),
    ] {
        assert_eq!(wrong_imports(file, line), [""; 0], "{file}: {line}");
    }
}
