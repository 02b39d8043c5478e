//! The secrets engine in OpenBao, and under a test host that can fail at any call.

mod agents;
mod allowed_roles;
mod automation;
mod configs;
mod cxone;
mod emergencies;
mod ends;
mod hosted;
mod idle;
mod leases;
mod nodes;
mod openapi;
mod operators;
mod overlaps;
mod owed;
mod roots;
mod scene;
mod shared;
mod shared_races;
mod static_crashes;
mod static_in_bao;
mod static_nodes;
mod static_roles;
mod static_schedule;
mod status;
mod successions;
mod tidy;

use openbao_plugin::testing::bao;
