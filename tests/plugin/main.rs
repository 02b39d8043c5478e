//! The go-plugin transport: against OpenBao itself, and against a small host of the tests' own.

mod bao;
mod by_hand;
mod ends;
mod mounts;
