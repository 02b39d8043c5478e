//! The go-plugin transport, and the framework on top of it: against OpenBao itself, and against a small host of the tests' own.

#![expect(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "what a test's own machinery cannot do fails the test, and what it skips it says"
)]

mod bao;
mod by_hand;
mod ends;
mod help;
mod host;
mod mounts;
mod routes;
mod wire;
mod wires;
