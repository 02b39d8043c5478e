//! The binaries of the examples.

use std::path::PathBuf;

use super::bao::Plugin;

pub const NAME: &str = "key-value-engine";

/// The binary of `examples/key-value-engine.rs`.
pub fn engine() -> PathBuf {
    named(NAME)
}

/// The binary of an example, which cargo builds together with the tests.
pub fn named(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let binary = own.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(binary.exists(), "{} does not exist: build it with cargo build --example {name}", binary.display());
    binary
}

/// The example, for a server's catalog.
pub fn example() -> Plugin {
    Plugin { name: NAME, version: "v1.2.3", binary: engine(), environment: Vec::new() }
}
