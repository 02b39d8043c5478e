//! How a simulated Lambda function is configured.

use std::time::Duration;

/// The configuration of a function.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// The largest number of processes. Each handles one invocation at a time.
    pub concurrency: usize,
    /// Limits one invocation. The shorter of this and the caller's timeout applies.
    pub timeout: Duration,
    /// Limits the time from the start of a process to its first request for an event.
    pub init_timeout: Duration,
    /// The memory size in the process's environment, in MB. It is not enforced.
    pub memory_mb: u32,
    /// The function's name.
    pub name: String,
    /// Whether to copy the process's output to standard error.
    pub tee: bool,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(10),
            memory_mb: 128,
            name: "rotation-function".to_owned(),
            tee: false,
        }
    }
}
