//! Probes: calls that must succeed before a token is promoted.

use std::fmt;

use crate::rotation::error::{ErrorKind, Result, RotationError};

/// A read-only call that the readers of the token need, such as `GET /api/v2/routing/skills?pageSize=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    path: String,
}

impl Probe {
    /// Reads `GET /path?query`.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] for another method, or a path that could lead to another host.
    pub fn parse(text: &str) -> Result<Self> {
        let path = text.strip_prefix("GET ").filter(|path| is_plain_path(path));
        let Some(path) = path else {
            let message = "an entry of probes is not of the form \"GET /path\"";
            let hint = "write each probe like \"GET /api/v2/routing/skills?pageSize=1\": GET, one blank, and a path on the platform's API";
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
        };
        Ok(Self { path: path.to_owned() })
    }

    /// The path with its query, beginning with one slash.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GET {}", self.path)
    }
}

/// Whether a text is a path, perhaps with a query, that leads nowhere but into the API it is called on:
/// `//host` and `/\host` are read as other hosts by URL parsers, and `..` leads out of the API's path.
pub fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains("..")
        && !path.to_ascii_lowercase().contains("%2e")
        && path.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '\\' | '#' | '"' | '<' | '>'))
}
