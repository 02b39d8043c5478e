//! Output streams: stdout for the result, stderr for everything else.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use parking_lot::Mutex;
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use super::printable::{one_line, printable, printable_json, printable_lines};
use super::style::{Colour, Style};
use crate::cli::exit::{CommandFailure, Exit};

/// Format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Writes to both streams. A failed write does not stop the command: a rotation continues after its reader closed the
/// pipe. The first write error is reported at the [end](Self::end).
pub struct Output {
    stdout: Mutex<Stream>,
    stderr: Mutex<Stream>,
    /// Format of the result.
    pub format: Format,
    /// Whether stderr is a terminal and shows progress.
    pub(crate) is_watched: bool,
    /// Whether stdout is a terminal, which keeps its text in the scrollback.
    pub(crate) is_shown: bool,
    /// Whether stdout is a terminal that can redraw lines.
    pub(crate) is_redrawn: bool,
    /// The columns of the terminal that stdout is.
    pub(crate) width: Option<usize>,
    /// Style of stdout.
    pub(crate) style: Style,
    /// Style of stderr.
    pub(crate) error_style: Style,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    /// The first write error; nothing is written after it.
    error: Option<io::Error>,
    /// The begin of a character whose rest has not arrived.
    incomplete: Vec<u8>,
}

impl Output {
    /// The streams of this process, with the style that the environment allows.
    pub fn standard(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let style = Style::from_lookup(&lookup, stdout.is_terminal());
        let error_style = Style::from_lookup(&lookup, stderr.is_terminal());
        let (is_watched, is_shown) = (stderr.is_terminal(), stdout.is_terminal());
        let is_redrawn = is_shown && !is_dumb(&lookup);
        let width = if is_shown { columns(&lookup) } else { None };
        Self { width, style, error_style, is_watched, is_shown, is_redrawn, ..Self::to(stdout, stderr) }
    }

    /// Any two streams, as plain ASCII.
    pub fn to(stdout: impl Write + Send + 'static, stderr: impl Write + Send + 'static) -> Self {
        Self {
            stdout: Stream::to(stdout),
            stderr: Stream::to(stderr),
            format: Format::Text,
            is_watched: false,
            is_shown: false,
            is_redrawn: false,
            width: None,
            style: Style::default(),
            error_style: Style::default(),
        }
    }

    /// Prints a line of the result. The line may contain foreign text.
    pub fn result(&self, line: impl Display) {
        self.styled(&printable(&line.to_string()));
    }

    /// Prints a bold line of the result.
    pub(crate) fn heading(&self, text: &str) {
        self.styled(&self.style.paint(Colour::Bold, &printable(text)));
    }

    /// Prints a line of the result after a mark of success or failure.
    pub(crate) fn marked(&self, indent: &str, succeeded: bool, text: impl Display) {
        self.styled(&format!("{indent}{} {}", self.style.mark(succeeded), printable(&text.to_string())));
    }

    /// Prints a line of the result that contains colours, and foreign text only if it is printable.
    pub(crate) fn styled(&self, line: &str) {
        self.raw(&format!("{line}\n"));
    }

    /// Prints a result as one line of JSON.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.styled(&printable_json(&text)),
            Err(error) => self.stdout.lock().error = Some(error.into()),
        }
    }

    /// Prints a text of this program, unchanged.
    pub fn raw(&self, text: &str) {
        self.stdout.lock().put(text.as_bytes());
    }

    /// Writes bytes of the result. Returns whether stdout still accepts output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> bool {
        let mut stream = self.stdout.lock();
        stream.put(bytes);
        stream.error.is_none()
    }

    /// Writes foreign bytes of the result: unchanged, or printable if stdout is a terminal. Returns whether stdout still
    /// accepts output.
    pub(crate) fn foreign(&self, bytes: &[u8]) -> bool {
        if !self.is_shown {
            return self.bytes(bytes);
        }
        let mut stream = self.stdout.lock();
        let text = stream.whole_characters(bytes);
        stream.put(printable_lines(&text).as_bytes());
        stream.error.is_none()
    }

    /// Takes the write error of stdout, for a command that reports it itself. The [end](Self::end) does not repeat it.
    pub(crate) fn take_write_error(&self) -> Option<io::Error> {
        self.stdout.lock().error.take()
    }

    /// Prints a line to stderr.
    pub fn note(&self, line: impl Display) {
        self.to_stderr(&printable(&line.to_string()));
    }

    fn to_stderr(&self, line: &str) {
        self.stderr.lock().put(format!("{line}\n").as_bytes());
    }

    /// Prints an error and its hint.
    pub fn error(&self, message: &str, hint: &str) {
        self.two_lines(Colour::Red, "error", message, hint);
    }

    /// Prints a warning and its hint.
    pub fn warning(&self, message: &str, hint: &str) {
        self.two_lines(Colour::Yellow, "warning", message, hint);
    }

    fn two_lines(&self, colour: Colour, name: &str, message: &str, hint: &str) {
        let paint = |colour, name: &str| self.error_style.paint(colour, &format!("{name}:"));
        let (name, hint_name) = (paint(colour, name), paint(Colour::Bold, "hint"));
        self.to_stderr(&format!("{name} {}\n{hint_name} {}", one_line(message), one_line(hint)));
    }

    /// Prints the failure, if there is one, and returns the exit code.
    pub fn end(self, result: Result<Exit, CommandFailure>) -> ExitCode {
        let exit = result.unwrap_or_else(|failure| {
            self.error(&failure.message, &failure.hint);
            failure.exit
        });
        let unwritten = self.stdout.lock().error.take();
        match unwritten {
            // A reader that closes the pipe early has what it needs.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.error(&format!("the result could not be written: {error}"), "check the destination of stdout");
                Exit::Failed.into()
            }
            _ => exit.into(),
        }
    }
}

/// `COLUMNS`, or what the terminal says.
fn columns(lookup: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let set = lookup("COLUMNS").and_then(|text| text.trim().parse().ok());
    let asked = || tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    set.or_else(asked).filter(|columns| *columns > 0)
}

fn is_dumb(lookup: impl Fn(&str) -> Option<String>) -> bool {
    lookup("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

impl Stream {
    fn to(writer: impl Write + Send + 'static) -> Mutex<Self> {
        Mutex::new(Self { writer: Box::new(writer), error: None, incomplete: Vec::new() })
    }

    /// The text of the bytes so far, without a last character that is incomplete.
    fn whole_characters(&mut self, bytes: &[u8]) -> String {
        self.incomplete.extend_from_slice(bytes);
        let last = self.incomplete.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
        let is_incomplete = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
        let end = self.incomplete.len() - if is_incomplete { last.len() } else { 0 };
        let whole: Vec<u8> = self.incomplete.drain(..end).collect();
        String::from_utf8_lossy(&whole).into_owned()
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.writer.write_all(bytes).and_then(|()| self.writer.flush()).err();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    /// A stream whose text tests can read.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).expect("only text is written")
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_is_two_lines_for_any_text() {
        let stderr = Captured::default();
        let output = Output::to(io::sink(), stderr.clone());
        output.error("no\nsuch \x1b[31m thing", "look\r\nelsewhere ");
        assert_eq!(stderr.text(), "error: no such \\u{1b}[31m thing\nhint: look elsewhere\n");
    }

    #[test]
    fn foreign_bytes_on_a_terminal_are_printable_in_pieces_of_any_size() {
        let (stdout, body) = (Captured::default(), "{\"é\": \"\u{1b}[2J組\u{9b}\"}\n".as_bytes());
        let mut output = Output::to(stdout.clone(), io::sink());
        output.is_shown = true;
        assert!(body.chunks(1).all(|piece| output.foreign(piece)));
        output.foreign(b"\xff!");
        assert_eq!(stdout.text(), "{\"é\": \"\\u{1b}[2J組\\u{9b}\"}\n\u{fffd}!");
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let stderr = Captured::default();
        let output = Output::to(Broken(io::ErrorKind::BrokenPipe), stderr.clone());
        output.result("a line");
        assert_eq!(output.end(Ok(Exit::Done)), ExitCode::from(0));
        assert_eq!(stderr.text(), "");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let stderr = Captured::default();
        let output = Output::to(Broken(io::ErrorKind::StorageFull), stderr.clone());
        output.result("a line");
        assert_eq!(output.end(Ok(Exit::Done)), ExitCode::from(1));
        assert!(stderr.text().starts_with("error: the result could not be written"), "{}", stderr.text());
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::tests::Captured;
    use super::*;

    proptest! {
        #[test]
        fn an_error_is_two_lines_without_escape_sequences(message in any::<String>(), hint in "[ -~\\x00-\\x1f\\u{80}-\\u{9f}]{0,40}") {
            let stderr = Captured::default();
            Output::to(io::sink(), stderr.clone()).error(&message, &hint);
            let text = stderr.text();
            let lines: Vec<_> = text.split('\n').collect();
            prop_assert_eq!(lines.len(), 3, "two lines and their ends");
            prop_assert!(lines[0].starts_with("error: ") && lines[1].starts_with("hint: ") && lines[2].is_empty());
            prop_assert!(!lines.concat().contains(char::is_control));
        }
    }
}
