//! Properties that hold for every input: generated documents, answers, links and histories of operations.
//!
//! `make fuzz` runs them for longer. A failure prints the smallest input that fails, and its seed is written to
//! `tests/proptest-regressions/`.

#![cfg(all(feature = "cli", feature = "lambda", feature = "vault"))]

mod document;
mod events;
mod histories;
#[path = "../store_contract/issuer.rs"]
mod issuer;
mod json;
mod operation;
mod place;
mod places;
mod platform;
mod schedules;
mod server;
mod stores;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Part of every secret value. It does not have the form of a name or a code, which messages may show.
const HUSH: &str = "Hu5hhUsh";

/// How often a property over sockets or files runs: once for every `share` inputs of the other properties.
fn one_of(share: u32) -> Config {
    let default = Config::default();
    Config { cases: (default.cases / share).max(1), max_shrink_iters: 8192 / share, ..default }
}

/// Checks a property that shares a server or a directory between its inputs, which `proptest!` cannot do.
fn holds<S: Strategy>(
    config: Config,
    file: &'static str,
    inputs: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { source_file: Some(file), ..config };
    if let Err(failure) = TestRunner::new(config).run(&inputs, property) {
        panic!("{failure}");
    }
}

/// Everything that a person or a log reads of an error.
fn said(error: &genesys_rotator::rotation::RotationError) -> String {
    format!("{error} {error:?} {} {}", error.chain(), error.hint())
}
