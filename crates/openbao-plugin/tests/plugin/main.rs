//! The go-plugin transport, and the framework on top of it.
//!
//! Against OpenBao itself, and against a small host of the tests' own.

#![expect(clippy::unwrap_used, reason = "what a test's own machinery cannot do fails the test")]

#[path = "../../../../tests/bao/mod.rs"]
mod bao;
mod by_hand;
mod ends;
mod example;
mod help;
mod mounts;
mod nodes;
mod routes;
mod wires;
