//! Probes: requests that must succeed before a token is promoted.

use std::fmt;

use crate::rotation::error::{ErrorKind, Result, RotationError};

/// A read-only request that the token's readers depend on, such as `GET /api/v2/routing/skills?pageSize=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    path: String,
}

impl Probe {
    /// Parses `GET /path?query`.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] for another method, or a path that could lead to another host.
    pub fn parse(text: &str) -> Result<Self> {
        let path = text.strip_prefix("GET ").filter(|path| is_plain_path(path));
        let Some(path) = path else {
            let message = "an entry of probes is not of the form \"GET /path\"";
            let hint = "write each probe like \"GET /api/v2/routing/skills?pageSize=1\": GET, one space, and a path of the platform's API";
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
        };
        Ok(Self { path: path.to_owned() })
    }

    /// Returns the path with its query; it starts with one slash.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GET {}", self.path)
    }
}

/// Returns whether `path` stays on the host and under the API it is appended to. URL parsers read `//host` and `/\host`
/// as another host, and `..` leaves the API's path.
pub fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains("..")
        && !path.to_ascii_lowercase().contains("%2e")
        && path.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '\\' | '#' | '"' | '<' | '>'))
}
