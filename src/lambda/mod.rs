//! The Lambda function that Secrets Manager invokes for each step of a rotation.

mod event;
mod failure;
mod function;
mod metrics;

pub use event::RotationEvent;
pub use failure::FunctionError;
pub use function::{Function, only_json};
pub use metrics::Metrics;
