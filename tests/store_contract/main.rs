//! One contract for every store, and what each of them promises besides.
//!
//! The rows are in `contract`; each is a sentence that holds for a store of any kind.

#![cfg(all(feature = "cli", feature = "sim"))]

mod aws;
#[path = "../bao/mod.rs"]
mod bao;
mod contract;
mod file;
mod issuer;
mod memory;
mod moto;
mod place;
#[cfg(feature = "vault")]
mod static_role;
mod vault;
