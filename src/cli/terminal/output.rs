//! The two streams: stdout for the result, stderr for everything else.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use serde::Serialize;

use super::style::{Colour, Style};
use crate::cli::exit::{CommandFailure, Exit};

/// What a result looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON, one object a line.
    Json,
}

/// Writes to both streams. No write fails the command half-way: a rotation goes on when its reader
/// has gone away, and what could not be written is reported at the [end](Self::end).
pub struct Output {
    stdout: Mutex<Stream>,
    stderr: Mutex<Stream>,
    /// What a result looks like.
    pub format: Format,
    /// Whether a person watches stderr.
    pub(crate) is_watched: bool,
    /// Whether stdout is a terminal, which shows what it was given for as long as somebody can scroll back.
    pub(crate) is_shown: bool,
    /// Whether stdout can show a picture that is drawn over again.
    pub(crate) is_redrawn: bool,
    /// What stdout can show.
    pub(crate) style: Style,
    /// What stderr can show.
    pub(crate) error_style: Style,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    /// The first error; nothing is written after it.
    error: Option<io::Error>,
}

impl Output {
    /// This process's own streams, in the style that the environment allows.
    pub fn standard(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let style = Style::from_lookup(&lookup, stdout.is_terminal());
        let error_style = Style::from_lookup(&lookup, stderr.is_terminal());
        let (is_watched, is_shown) = (stderr.is_terminal(), stdout.is_terminal());
        let is_redrawn = is_shown && !is_dumb(&lookup);
        Self { style, error_style, is_watched, is_shown, is_redrawn, ..Self::to(stdout, stderr) }
    }

    /// Any two streams, in plain ASCII.
    pub fn to(stdout: impl Write + Send + 'static, stderr: impl Write + Send + 'static) -> Self {
        Self {
            stdout: Mutex::new(Stream { writer: Box::new(stdout), error: None }),
            stderr: Mutex::new(Stream { writer: Box::new(stderr), error: None }),
            format: Format::Text,
            is_watched: false,
            is_shown: false,
            is_redrawn: false,
            style: Style::default(),
            error_style: Style::default(),
        }
    }

    /// A line of the result.
    pub fn result(&self, line: impl Display) {
        self.raw(&format!("{line}\n"));
    }

    /// A result as JSON, on one line.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.result(text),
            Err(error) => write(&self.stdout, |stream| stream.error = Some(error.into())),
        }
    }

    /// A text of the result as it is.
    pub fn raw(&self, text: &str) {
        write(&self.stdout, |stream| stream.put(text.as_bytes()));
    }

    /// A piece of the result, text or not. Tells whether anybody still reads.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> bool {
        let mut stream = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        stream.put(bytes);
        stream.error.is_none()
    }

    /// Why stdout could not be written, for a command that says so itself: it is not said again at the [end](Self::end).
    pub(crate) fn take_write_error(&self) -> Option<io::Error> {
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner).error.take()
    }

    /// A line for whoever watches.
    pub fn note(&self, line: impl Display) {
        write(&self.stderr, |stream| stream.put(format!("{line}\n").as_bytes()));
    }

    /// What went wrong and what to do, in two lines.
    pub fn error(&self, message: &str, hint: &str) {
        self.two_lines(Colour::Red, "error", message, hint);
    }

    /// What may go wrong later and what to do, in two lines.
    pub fn warning(&self, message: &str, hint: &str) {
        self.two_lines(Colour::Yellow, "warning", message, hint);
    }

    fn two_lines(&self, colour: Colour, name: &str, message: &str, hint: &str) {
        let paint = |colour, name: &str| self.error_style.paint(colour, &format!("{name}:"));
        let (name, hint_name) = (paint(colour, name), paint(Colour::Bold, "hint"));
        self.note(format_args!("{name} {}\n{hint_name} {}", one_line(message), one_line(hint)));
    }

    /// Says why the command failed, if it did, and gives the exit code.
    pub fn end(self, result: Result<Exit, CommandFailure>) -> ExitCode {
        let exit = result.unwrap_or_else(|failure| {
            self.error(&failure.message, &failure.hint);
            failure.exit
        });
        let unwritten = self.stdout.lock().unwrap_or_else(PoisonError::into_inner).error.take();
        match unwritten {
            // Whoever closed the pipe has read what they wanted.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.error(&format!("the result could not be written: {error}"), "look at where stdout goes to");
                Exit::Failed.into()
            }
            _ => exit.into(),
        }
    }
}

fn is_dumb(lookup: impl Fn(&str) -> Option<String>) -> bool {
    lookup("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

impl Stream {
    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.writer.write_all(bytes).and_then(|()| self.writer.flush()).err();
        }
    }
}

fn write(stream: &Mutex<Stream>, act: impl FnOnce(&mut Stream)) {
    act(&mut stream.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Messages hold what others wrote: a line break would break the form, and an escape the terminal.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split(|letter: char| letter.is_control() || letter == ' ').collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    /// A stream whose text can be looked at.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("only text is written")
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panicked").write(bytes)
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
    fn an_error_is_two_lines_whatever_its_text_holds() {
        let stderr = Captured::default();
        let output = Output::to(io::sink(), stderr.clone());
        output.error("no\nsuch \x1b[31m thing", "look\r\nelsewhere ");
        assert_eq!(stderr.text(), "error: no such [31m thing\nhint: look elsewhere\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
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
