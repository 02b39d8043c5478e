//! The function's output lines.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// How many lines are kept.
const LINE_LIMIT: usize = 10_000;

/// The last output lines of all processes.
#[derive(Clone, Default)]
pub(super) struct Logs(Arc<Mutex<VecDeque<String>>>);

impl Logs {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }

    /// Reads a process's output to its end, on a background task.
    pub(super) fn collect(&self, output: impl AsyncRead + Send + Unpin + 'static, tee: bool) {
        let logs = self.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                logs.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned(), tee);
                line.clear();
            }
        });
    }

    fn push(&self, line: String, tee: bool) {
        if tee {
            // Standard error may be closed.
            writeln!(std::io::stderr().lock(), "{line}").ok();
        }
        let mut lines = self.0.lock();
        if lines.len() == LINE_LIMIT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
