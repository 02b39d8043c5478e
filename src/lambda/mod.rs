//! The function that AWS Secrets Manager calls for each step of a rotation.

mod event;
mod failure;
mod function;
mod metrics;

pub use event::Event;
pub use failure::Failure;
pub use function::{Function, only_json};
pub use metrics::Metrics;
