//! A strict simulator of AWS Secrets Manager, with the orchestrator that rotates secrets through a function.
//!
//! It speaks AWS JSON 1.1 as the Secrets Manager API reference defines it, so unmodified SDKs need only its endpoint URL.
//! Error texts are the service's own where they are known. Replication, resource policies, random passwords and external
//! secrets are not simulated: their actions answer UnknownOperationException, their members InvalidParameterException.

mod access;
mod cancel;
mod clock;
mod control;
mod create;
mod delete;
mod describe;
mod error;
mod get;
mod input;
mod label_events;
mod labels;
mod list;
mod orchestrator;
mod put;
mod rotate;
mod rotation;
mod schedule;
mod service;
mod settings;
mod stage;
mod state;
mod tags;
mod value;
mod window;

pub use self::access::Access;
pub use self::control::{Knobs, NewSecret, control};
pub use self::rotation::RotationOutcome;
pub use self::service::{SecretsManager, VersionView};
pub use self::settings::{RotationTokenScope, SecretsManagerSettings};
