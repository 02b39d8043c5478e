//! The engine of `examples/key-value-engine.rs`.

use std::path::PathBuf;

use super::bao::Plugin;

pub const NAME: &str = "key-value-engine";

/// The example's binary, which cargo builds together with the tests.
pub fn engine() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let engine = profile.join("examples").join(NAME);
    assert!(engine.exists(), "{} does not exist: build it with cargo build --example {NAME}", engine.display());
    engine
}

/// The example, for a server's catalog.
pub fn example() -> Plugin {
    Plugin { name: NAME, version: "v1.2.3", binary: engine(), environment: Vec::new() }
}
