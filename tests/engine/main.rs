//! The secrets engine, as OpenBao runs it.

#[path = "../bao/mod.rs"]
mod bao;
mod configs;
mod leases;
mod scene;
mod shared;
