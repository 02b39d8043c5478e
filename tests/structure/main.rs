//! The structure of the sources: imports run one way, no files import each other in a circle, and files stay short.

mod circles;
mod diagram;
mod planted;
mod rules;
mod scan;
mod workspace;

use circles::{circles, describe};
use diagram::Diagram;
use workspace::{Workspace, files_under};

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
/// The longest that a file may be, in lines.
const LONGEST_FILE: usize = 400;
/// What explains the rotation by itself, and how many lines it may have.
const CORE_READING: [&str; 4] =
    ["src/rotation/step.rs", "src/rotation/version/preflight.rs", "src/rotation/steps/", "src/rotation/ports/"];
const LONGEST_CORE_READING: usize = 900;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = Workspace::read().imports();
    let circles = circles(&imports);
    assert!(circles.is_empty(), "{}", describe(circles.values(), &imports));
}

#[test]
fn imports_follow_the_architecture_diagram() {
    let diagram = Diagram::of(ARCHITECTURE);
    assert_eq!(diagram.circles(), [""; 0]);
    let wrong = diagram.violations(&Workspace::read().imports());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_has_a_node_in_the_architecture_diagram() {
    let diagram = Diagram::of(ARCHITECTURE);
    for file in Workspace::read().files().filter(|file| *file != "src/lib.rs") {
        assert!(diagram.node(file).is_some(), "{file}: its folder is missing in ARCHITECTURE.md's diagram");
    }
}

#[test]
fn siblings_do_not_import_each_other() {
    let wrong = rules::imports_between_siblings(&Workspace::read().imports());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_imports_no_network_and_no_command_line() {
    let wrong = rules::crates_outside_the_core(&Workspace::read().external_crates());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    for (file, text) in files_under(&["src", "crates", "tests"]) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{file} has {lines} lines");
    }
}

#[test]
fn the_files_that_explain_the_rotation_have_less_than_900_lines() {
    let files = files_under(&["src/rotation"]);
    let read = files.iter().filter(|(file, _)| CORE_READING.iter().any(|part| file.starts_with(part)));
    let lines: Vec<_> = read.map(|(file, text)| (file, text.lines().count())).collect();
    let sum: usize = lines.iter().map(|(_, lines)| lines).sum();
    assert!(sum < LONGEST_CORE_READING, "{sum} lines: {lines:#?}");
}
