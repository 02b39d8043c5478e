//! Foreign text on a terminal: names, labels and messages of servers may contain escape sequences.

use std::borrow::Cow;
use std::io::{self, Write};

/// Replaces each character that a terminal interprets, or that it does not show, by its escape, such as `\u{1b}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, is_unprintable, |letter, shown| shown.extend(letter.escape_default()))
}

/// As [`printable`], but keeps line breaks and tabs.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_layout = |letter| matches!(letter, '\n' | '\t');
    replaced(
        text,
        |letter| is_unprintable(letter) && !is_layout(letter),
        |letter, shown| {
            shown.extend(letter.escape_default());
        },
    )
}

/// As [`printable`] for a JSON text, whose meaning does not change.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    replaced(json, is_unprintable, |letter, shown| {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// As [`printable`], with one space for each sequence of whitespace: a line break would break the two-line format.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().map(printable).collect();
    words.join(" ")
}

/// Control characters (C0, DEL and C1), and the format characters that reorder or hide text (Unicode Standard, 23.2 and
/// 23.7): bidirectional controls, zero-width characters, line separators and tags.
fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool, replace: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_replaced(letter) { replace(letter, &mut shown) } else { shown.push(letter) }
    }
    Cow::Owned(shown)
}

/// Stderr for log lines, each of which is one write.
pub(crate) struct LogLines;

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().write_all(format!("{}\n", printable(text.trim_end_matches('\n'))).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_format_characters_are_escaped_and_letters_are_kept() {
        for (text, shown) in [
            ("prod/genesys", "prod/genesys"),
            ("équipe 組 ✓", "équipe 組 ✓"),
            ("a\u{1b}[31m\u{7}\n", "a\\u{1b}[31m\\u{7}\\n"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}x\u{2066}\u{200b}\u{feff}", "\\u{202e}x\\u{2066}\\u{200b}\\u{feff}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_lines("{\n\t\u{1b}}"), "{\n\t\\u{1b}}");
        assert_eq!(one_line(" no\nsuch \u{1b}[31m\u{2028}thing\r\n"), "no such \\u{1b}[31m thing");
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let value = serde_json::json!({"a\u{9b}": "\u{202e}\u{e0041}\u{1b}é"});
        let shown = printable_json(&value.to_string()).into_owned();
        assert!(shown.contains("\\u009b") && shown.contains("\\udb40\\udc41") && shown.contains('é'), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
