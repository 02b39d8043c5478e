//! Upgrades and rollbacks: what programs of one commit wrote is read by programs of another.
//!
//! `make test` reads the recorded state of earlier commits (`recorded/`) with today's programs, and compares the form of
//! what they write with `written.json`. `make upgrades FROM=COMMIT` builds the earlier programs, and runs both directions.

mod engine;
mod form;
mod function;
mod moment;
mod mount;
mod place;
mod programs;
mod recording;
mod rehearsal;
mod server;
mod stores;

use openbao_plugin::testing::bao;

const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret-0123456789");
const SECOND: (&str, &str) = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-hush-second-secret-0123456789");
const ADMIN: (&str, &str) = ("5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10", "hush-hush-admin-secret-0123456789");
/// The call that regenerates a client secret.
const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
