//! The caller of a request, for the log.

use openbao_plugin::Request;

/// The longest display name in a log line, in characters.
const LONGEST: usize = 128;

/// The request id of the audit log, and the display name of the caller's token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requester {
    pub(crate) request_id: String,
    pub(crate) display_name: String,
}

impl Requester {
    /// The caller of a request. Callers choose their display name: control characters are escaped, so that it
    /// cannot forge a log line.
    pub(crate) fn of(request: &Request) -> Self {
        Self { request_id: printable(&request.id), display_name: printable(&request.display_name) }
    }
}

fn printable(text: &str) -> String {
    // Beside the control characters: line separators, and characters that reverse the direction of text.
    let is_unsafe =
        |letter: char| letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = text.chars().take(LONGEST).map(|letter| match is_unsafe(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use openbao_plugin::Operation;

    use super::*;

    #[test]
    fn a_display_name_cannot_break_a_log_line() {
        for (name, expected) in [
            ("userpass-ci", "userpass-ci"),
            ("jwt-\u{e9}l\u{e8}ve \"x\"", "jwt-\u{e9}l\u{e8}ve \"x\""),
            ("ci\n2026-01-01 [INFO] forged\r", "ci\\n2026-01-01 [INFO] forged\\r"),
            ("\u{1b}[2J\u{202e}", "\\u{1b}[2J\\u{202e}"),
        ] {
            let mut request = Request::new(Operation::Read, "creds/ci");
            request.display_name = name.to_owned();
            assert_eq!(Requester::of(&request).display_name, expected);
        }
        assert_eq!(printable(&"x".repeat(200)).len(), LONGEST);
    }
}
