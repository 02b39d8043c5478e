//! The state file of a run: which secrets it has rotated, so that another run can resume it.
//!
//! The first line is the format. Each further line names a secret and its promoted version. A run that left nothing
//! undone ends the file with `{"finished":true}`.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
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
    /// The promoted versions of the run that this one resumes.
    done: HashMap<String, VersionId>,
}

#[derive(Serialize, Deserialize)]
struct Promoted<'a> {
    secret: &'a str,
    version_id: &'a str,
}

impl RunState {
    /// Starts a new file, or continues that of an interrupted run.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if the file cannot be written, is no state file, is in use, or holds
    /// nothing to resume.
    pub(super) fn open(path: &Path, resumes: bool) -> Result<Self, CommandFailure> {
        let wrong = |why: &str, hint: &str| CommandFailure::usage(format!("{}: {why}", path.display()), hint);
        let cannot = |error: io::Error| {
            wrong(
                &format!("the state file cannot be used: {error}"),
                "choose a file in a folder that this user may write to",
            )
        };
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
            Ok(_) if text.is_empty() || text.lines().next() == Some(FORMAT) => {}
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(cannot(error)),
            Ok(_) | Err(_) => {
                return Err(wrong(
                    "this is no state file, and it is not overwritten",
                    "name a file that does not exist yet",
                ));
            }
        }
        let done = match (resumes, promoted(&text)) {
            (false, _) => HashMap::new(),
            (true, Some(done)) => done,
            (true, None) => return Err(nothing_to_resume(path)),
        };
        let kept = if resumes { text.rfind('\n').map_or(0, |end| end + 1) } else { 0 };
        let state = Self { path: path.to_owned(), file: Mutex::new(file), done };
        state.truncate(kept).map_err(cannot)?;
        Ok(state)
    }

    /// Ends the file after `kept` bytes, or with the format if nothing is kept.
    fn truncate(&self, kept: usize) -> io::Result<()> {
        let mut file = self.file.lock();
        file.set_len(kept as u64)?;
        if kept == 0 {
            writeln!(file, "{FORMAT}")?;
        }
        file.sync_data()
    }

    /// The version of a secret that the interrupted run has promoted.
    pub(super) fn promoted(&self, secret: &str) -> Option<&VersionId> {
        self.done.get(secret)
    }

    /// Records the promoted version of a secret.
    pub(super) fn record(&self, secret: &str, version: &VersionId, output: &Output) {
        let promoted = Promoted { secret, version_id: version.as_str() };
        let line = serde_json::to_string(&promoted).unwrap_or_default();
        self.write(&line, "a run that resumes this one rotates the secret again", output);
    }

    /// Records that nothing is left to do.
    pub(super) fn finish(&self, output: &Output) {
        self.write(FINISHED, "do not resume this run: it is complete", output);
    }

    fn write(&self, line: &str, consequence: &str, output: &Output) {
        let mut file = self.file.lock();
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()) {
            output.warning(&format!("{}: the state file cannot be written: {error}", self.path.display()), consequence);
        }
    }
}

/// The promoted versions; `None` if the run finished or did not start. A line that was cut off does not count.
fn promoted(text: &str) -> Option<HashMap<String, VersionId>> {
    let complete = text.rfind('\n').map(|end| &text[..end])?;
    let lines = || complete.lines().skip(1);
    if lines().any(|line| line == FINISHED) {
        return None;
    }
    let read = |line| serde_json::from_str::<Promoted<'_>>(line).ok();
    Some(
        lines().filter_map(read).map(|line| (line.secret.to_owned(), VersionId::from_store(line.version_id))).collect(),
    )
}

fn nothing_to_resume(path: &Path) -> CommandFailure {
    let message = format!("{}: there is no interrupted run to resume", path.display());
    CommandFailure::usage(message, "start a new run without --resume")
}
