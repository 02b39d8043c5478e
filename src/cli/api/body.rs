//! The body that a call sends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::cli::exit::CommandFailure;

/// The largest body that is sent, in bytes.
const LARGEST_BODY: u64 = 10 * 1024 * 1024;

/// Reads a body from a file, or from standard input where that is called `-`.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure where it cannot be read, is too large, or is not JSON.
pub(super) fn read(path: &Path) -> Result<Bytes, CommandFailure> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let read = match path.to_str() {
        Some("-") => bounded(io::stdin().lock()),
        _ => File::open(path).and_then(bounded),
    };
    let body = read.map_err(|error| {
        CommandFailure::usage(
            format!("the body in {name} cannot be read: {error}"),
            "--body names a file, or - for standard input",
        )
    })?;
    if body.len() as u64 > LARGEST_BODY {
        let message = format!("the body in {name} is larger than {LARGEST_BODY} bytes");
        return Err(CommandFailure::usage(message, "send it in several calls"));
    }
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => Ok(body.into()),
        // The parser's own words could quote the body; its position cannot.
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the body in {name} is not JSON (it stops making sense at {place})");
            Err(CommandFailure::usage(message, "the API takes JSON; a text alone stands in quotes"))
        }
    }
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(LARGEST_BODY + 1).read_to_end(&mut body)?;
    Ok(body)
}
