//! The go-plugin transport: against OpenBao itself, and against a small host of the tests' own.

#![expect(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "what a test's own machinery cannot do fails the test, and what it skips it says"
)]

mod bao;
mod by_hand;
mod ends;
#[path = "../host/mod.rs"]
mod host;
mod mounts;
mod wires;
