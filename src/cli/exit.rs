//! How a command ends.

use std::io;
use std::process::ExitCode;

use serde::Serialize;

use crate::rotation::RotationError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it was done.
    Done,
    /// 1: it failed, for at least one secret.
    Failed,
    /// 2: the command line or the settings are wrong; nothing was tried.
    WrongUsage,
    /// 126: the command that was to be run is there, and cannot be run (as for env(1) and every shell).
    CommandNotRunnable,
    /// 127: the command that was to be run is not there.
    CommandNotFound,
}

impl Exit {
    /// How the whole ends of which this is one part and `other` the next.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::WrongUsage => 2,
            Exit::CommandNotRunnable => 126,
            Exit::CommandNotFound => 127,
        })
    }
}

/// Why a command could not be carried out: a sentence, and what to do.
#[derive(Debug)]
pub struct CommandFailure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl CommandFailure {
    /// The command line or the settings are wrong.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::WrongUsage, message: message.into(), hint: hint.into() }
    }

    /// The settings are wrong, as the core explains it.
    pub fn settings(error: &RotationError) -> Self {
        Self::usage(sentence(error), error.hint())
    }

    /// The simulators could not be started.
    pub fn simulators(error: &io::Error) -> Self {
        let message = format!("the simulators could not be started: {error}");
        let hint = "choose another --port (0 takes a free one), and check the path given with --function";
        Self { exit: Exit::Failed, message, hint: hint.to_owned() }
    }
}

impl From<RotationError> for CommandFailure {
    fn from(error: RotationError) -> Self {
        Self { exit: Exit::Failed, message: sentence(&error), hint: error.hint().to_owned() }
    }
}

/// An error in JSON output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ErrorJson {
    /// The stable name of its kind.
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
        Self::new(error.kind().name(), sentence(error), error.hint())
    }
}

/// The error with its correlation id and all its causes.
pub(super) fn sentence(error: &RotationError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
