//! One contract for every store, and what each of them promises besides.
//!
//! The rows are in `contract`; each is a sentence that holds for a store of any kind.

#![cfg(all(feature = "cli", feature = "sim"))]

mod aws;
mod contract;
mod file;
mod issuer;
mod memory;
mod moto;
mod place;
#[cfg(feature = "vault")]
mod static_role;
mod vault;

use openbao_plugin::testing::bao;
