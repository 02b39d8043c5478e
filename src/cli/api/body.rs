//! The request body.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::cli::exit::CommandFailure;

/// The maximum size of a body, in bytes.
const LARGEST_BODY: u64 = 10 * 1024 * 1024;

/// Reads a body from a file, or from standard input for `-`.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure if the body cannot be read, is too large, or is not JSON.
pub(super) fn read(path: &Path) -> Result<Bytes, CommandFailure> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let read = match path.to_str() {
        Some("-") => bounded(io::stdin().lock()),
        _ => File::open(path).and_then(bounded),
    };
    let body = read.map_err(|error| {
        CommandFailure::usage(
            format!("the body in {name} cannot be read: {error}"),
            "--body takes a file, or - for standard input",
        )
    })?;
    if body.len() as u64 > LARGEST_BODY {
        let message = format!("the body in {name} is larger than {LARGEST_BODY} bytes");
        return Err(CommandFailure::usage(message, "split it into several calls"));
    }
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => Ok(body.into()),
        // The parser's message may quote the body; its position cannot.
        Err(error) => {
            let position = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the body in {name} is invalid JSON at {position}");
            Err(CommandFailure::usage(message, "the API accepts JSON; a plain string needs quotes"))
        }
    }
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(LARGEST_BODY + 1).read_to_end(&mut body)?;
    Ok(body)
}
