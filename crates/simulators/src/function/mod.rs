//! Runs a real Lambda binary under a Runtime API of its own (Lambda developer guide, "Using the Lambda runtime API for
//! custom runtimes").

mod lambda;
mod logs;
mod process;
mod runtime_api;
mod settings;

pub use self::lambda::Function;
pub use self::settings::FunctionSettings;
