//! Secrets engines on real OpenBao servers, and on a small host in the test's process.

#![expect(clippy::unwrap_used, reason = "a test helper that does not work fails the test")]

mod auth;
mod example;
mod guide;
mod help;
mod mounts;
mod nodes;
mod routes;
mod shutdown;
mod standalone;
mod system;
mod wires;

use openbao_plugin::testing::bao;
