//! Exit codes, and the error that ends a command.

use std::io;
use std::process::ExitCode;

use serde::Serialize;

use crate::rotation::RotationError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: success.
    Done,
    /// 1: failure, for at least one secret.
    Failed,
    /// 2: the command line or the settings are wrong; nothing was attempted.
    WrongUsage,
    /// 126: the command that `exec` runs cannot be executed (as in env(1) and POSIX shells).
    CommandNotRunnable,
    /// 127: the command that `exec` runs was not found.
    CommandNotFound,
    /// The status of the process with the endpoint of `exec --serve`.
    OfEndpoint(u8),
}

impl Exit {
    /// The exit code of two parts: the first that is not success.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }

    /// The status of the process.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::WrongUsage => 2,
            Self::CommandNotRunnable => 126,
            Self::CommandNotFound => 127,
            Self::OfEndpoint(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The error that ends a command: a message and a hint.
#[derive(Debug)]
pub struct CommandFailure {
    /// The exit code of the process.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub hint: String,
}

impl CommandFailure {
    /// The command line or the settings are wrong.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::WrongUsage, message: message.into(), hint: hint.into() }
    }

    /// The settings are wrong, with the message of the core.
    pub fn settings(error: &RotationError) -> Self {
        Self::usage(error.chain(), error.hint())
    }

    /// The command that `exec` runs was not started.
    pub(super) fn not_run(program: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self {
                exit: Exit::CommandNotFound,
                message: format!("the command {program} was not found"),
                hint: "check PATH and, for a script, the interpreter in its first line".to_owned(),
            },
            _ => Self {
                exit: Exit::CommandNotRunnable,
                message: format!("the command {program} cannot be executed: {error}"),
                hint: "check its permissions, and that it was built for this machine".to_owned(),
            },
        }
    }

    /// The simulators did not start.
    pub fn simulators(error: &io::Error) -> Self {
        let message = format!("the simulators did not start: {error}");
        let hint = "choose another --port (0 selects a free port), and check the path of --function";
        Self { exit: Exit::Failed, message, hint: hint.to_owned() }
    }
}

impl From<RotationError> for CommandFailure {
    fn from(error: RotationError) -> Self {
        Self { exit: Exit::Failed, message: error.chain(), hint: error.hint().to_owned() }
    }
}

/// An error in JSON output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ErrorJson {
    /// The stable name of the error's kind.
    r#type: &'static str,
    message: String,
    hint: String,
}

impl ErrorJson {
    pub(super) fn new(kind: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { r#type: kind, message: message.into(), hint: hint.into() }
    }
}

impl From<&RotationError> for ErrorJson {
    fn from(error: &RotationError) -> Self {
        Self::new(error.kind().name(), error.chain(), error.hint())
    }
}
