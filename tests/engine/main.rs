//! The secrets engine, as OpenBao runs it.

#[path = "../bao/mod.rs"]
mod bao;
mod configs;
mod ends;
mod host;
mod leases;
mod nodes;
mod scene;
mod shared;
