//! The contract of every secret store, and the behaviour that is specific to each store.
//!
//! `contract` has one row per rule that every store keeps.

#![cfg(all(feature = "cli", feature = "sim"))]

mod aws;
mod contract;
mod file;
mod file_access;
mod fixture;
mod issuer;
mod knobs;
mod memory;
mod moto;
mod recorded;
#[cfg(feature = "vault")]
mod static_role;
mod vault;

use openbao_plugin::testing::bao;
