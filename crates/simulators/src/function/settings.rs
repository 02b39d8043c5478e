//! How a simulated Lambda function is configured.

use std::time::Duration;

/// How the function is configured.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// How many processes run at most; each takes one invocation at a time.
    pub concurrency: usize,
    /// How long one invocation may take; the shorter of this and the caller's time holds.
    pub timeout: Duration,
    /// How long a process may take from its start to its first request for an event.
    pub init_timeout: Duration,
    /// The memory size that the process is told, in MB. It is not enforced.
    pub memory_mb: u32,
    /// The function's name.
    pub name: String,
    /// Whether the process's output goes to this process's standard error too.
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
