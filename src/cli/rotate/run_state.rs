//! The state file of a run: which secrets it has rotated, so that another run can resume it.
//!
//! The first line is the format. Each further line names a secret and its promoted version. A run that left nothing
//! undone ends the file with `{"finished":true}`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::cli::exit::CommandFailure;
use crate::cli::terminal::output::Output;
use crate::rotation::VersionId;

/// The first line.
const FORMAT: &str = r#"{"format":"genesys-rotator run 1"}"#;
const FINISHED: &str = r#"{"finished":true}"#;

/// The state file of a run, locked until the run ends.
pub(super) struct RunState {
    path: PathBuf,
    file: Mutex<File>,
    /// What the run that this one resumes has done, by the key of the secret.
    done: HashMap<String, Done>,
    resumes: bool,
    /// Whether the file holds a run that did not finish.
    is_unfinished: bool,
}

/// What a run has done with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) version: VersionId,
    /// Whether the revocation of the tokens that the version replaced was requested and is not known to have succeeded.
    pub(super) owes_revocation: bool,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    secret: Cow<'a, str>,
    version_id: &'a str,
    /// Absent if no revocation was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<bool>,
}

impl RunState {
    /// Opens and locks a state file, to resume its run or to replace it. Changes nothing.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if the file cannot be written, is no state file, is in use, or holds
    /// nothing to resume.
    pub(super) fn open(path: &Path, resumes: bool) -> Result<Self, CommandFailure> {
        let wrong = |why: &str, hint: &str| CommandFailure::usage(format!("{}: {why}", path.display()), hint);
        let cannot = |error: io::Error| unusable(path, &error);
        let opened = OpenOptions::new().read(true).append(true).create(!resumes).mode(0o600).open(path);
        let mut file = match opened {
            Err(error) if resumes && error.kind() == io::ErrorKind::NotFound => return Err(nothing_to_resume(path)),
            opened => opened.map_err(cannot)?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(wrong("another run uses this state file", "wait until it ends, or name another file"));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let mut text = String::new();
        match file.read_to_string(&mut text) {
            // The first write may have been cut off.
            Ok(_) if FORMAT.starts_with(text.trim_end()) || text.lines().next() == Some(FORMAT) => {}
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(cannot(error)),
            Ok(_) | Err(_) => {
                return Err(wrong(
                    "this is no state file, and it is not overwritten",
                    "name a file that does not exist yet",
                ));
            }
        }
        let (is_unfinished, done) = match done_in(&text) {
            Some(done) => (!done.is_empty(), done),
            None if resumes => return Err(nothing_to_resume(path)),
            None => (false, HashMap::new()),
        };
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), done, resumes, is_unfinished })
    }

    /// Prepares the file for the lines of this run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn begin(&self, output: &Output) -> Result<(), CommandFailure> {
        if self.is_unfinished && !self.resumes {
            let message = format!("{}: this run replaces the record of an interrupted one", self.path.display());
            output.warning(&message, "to continue an interrupted run, use --resume");
        }
        let begin = || {
            let mut file = self.file.lock();
            if self.resumes {
                let mut text = String::new();
                file.rewind()?;
                file.read_to_string(&mut text)?;
                // The last line may have been cut off.
                file.set_len(text.rfind('\n').map_or(0, |end| end + 1) as u64)?;
            } else {
                file.set_len(0)?;
                writeln!(file, "{FORMAT}")?;
            }
            file.sync_data()
        };
        begin().map_err(|error: io::Error| unusable(&self.path, &error))
    }

    /// What the interrupted run has done with a secret; `None` if this run resumes none.
    pub(super) fn done(&self, secret: &str) -> Option<&Done> {
        self.done.get(secret).filter(|_| self.resumes)
    }

    /// Records the promoted version of a secret, and whether the tokens that it replaced are revoked, if that was requested.
    pub(super) fn record(&self, secret: &str, version: &VersionId, revoked: Option<bool>, output: &Output) {
        let line = Line { secret: secret.into(), version_id: version.as_str(), revoked };
        let line = serde_json::to_string(&line).unwrap_or_default();
        self.write(&line, "a run that resumes this one rotates the secret again", output);
    }

    /// Records that nothing is left to do.
    pub(super) fn finish(&self, output: &Output) {
        self.write(FINISHED, "do not resume this run: it is complete", output);
    }

    fn write(&self, line: &str, consequence: &str, output: &Output) {
        let mut file = self.file.lock();
        let end = file.metadata().map(|metadata| metadata.len());
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()) {
            // A part of the line would spoil the next one.
            let _ = end.and_then(|end| file.set_len(end));
            output.warning(&format!("{}: the state file cannot be written: {error}", self.path.display()), consequence);
        }
    }
}

/// What a run has done; `None` if it finished or did not start. A line that was cut off does not count.
fn done_in(text: &str) -> Option<HashMap<String, Done>> {
    let complete = text.rfind('\n').map(|end| &text[..end])?;
    let lines = || complete.lines().skip(1);
    if lines().any(|line| line == FINISHED) {
        return None;
    }
    let read = |line| {
        let Line { secret, version_id, revoked } = serde_json::from_str(line).ok()?;
        let done = Done { version: VersionId::from_store(version_id), owes_revocation: revoked == Some(false) };
        Some((secret.into_owned(), done))
    };
    // Later lines of a secret replace earlier ones.
    Some(lines().filter_map(read).collect())
}

fn unusable(path: &Path, error: &io::Error) -> CommandFailure {
    let message = format!("{}: the state file cannot be used: {error}", path.display());
    CommandFailure::usage(message, "choose a file in a folder that this user may write to")
}

fn nothing_to_resume(path: &Path) -> CommandFailure {
    let message = format!("{}: there is no interrupted run to resume", path.display());
    CommandFailure::usage(message, "start a new run without --resume")
}
