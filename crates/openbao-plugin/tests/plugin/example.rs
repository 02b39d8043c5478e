//! The engine of `engine.rs`.

use std::path::PathBuf;

use super::bao::Plugin;

pub const NAME: &str = "key-value-engine";

/// The example, which cargo builds beside the tests.
pub fn engine() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let engine = profile.join("examples").join(NAME);
    assert!(engine.exists(), "{} is not there: build it with cargo build --example {NAME}", engine.display());
    engine
}

/// The same, as a server takes it.
pub fn example() -> Plugin {
    Plugin { name: NAME, version: "v1.2.3", binary: engine(), environment: Vec::new() }
}
