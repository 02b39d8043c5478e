//! `--html`: the status as one page, which is readable offline and runs no scripts.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::condition::Condition;
use super::rows::schedule;
use super::state::{Status, TokenStatus};
use crate::cli::terminal::human_time::{from_now, minute, span};
use crate::rotation::RotationError;

const STYLE: &str = include_str!("page.css");

/// Writes the page to a file: a reader never sees half of it.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, statuses: &[&Status], now: Timestamp) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let staged = path.with_file_name(name);
    let written = std::fs::write(&staged, text(statuses, now)).and_then(|()| std::fs::rename(&staged, path));
    if written.is_err() {
        // The error of the write is reported.
        let _ = std::fs::remove_file(&staged);
    }
    written
}

/// The page. The secrets are in the order of `statuses`.
pub(super) fn text(statuses: &[&Status], now: Timestamp) -> String {
    let count = |wanted: &dyn Fn(Condition) -> bool| statuses.iter().filter(|one| wanted(one.condition(now))).count();
    let good = count(&|condition| condition == Condition::Ok);
    let bad = count(&|condition| condition <= Condition::Failing);
    let rows: String = statuses.iter().map(|status| row(status, now)).collect();
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{bad} failing of {all} tokens</title>
<style>
{STYLE}</style>
<h1>Tokens of {all} secrets</h1>
<p>{good} ok, {attention} need attention, {bad} of them now. Read at <time>{read} UTC</time>.</p>
<table>
<thead><tr><th>Secret</th><th>State</th><th>Lifetime left</th><th>Expires</th><th>Next rotation</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
"#,
        all = statuses.len(),
        attention = statuses.len() - good,
        read = minute(now),
    )
}

fn row(status: &Status, now: Timestamp) -> String {
    let condition = status.condition(now);
    let level = match condition {
        Condition::Ok => "ok",
        condition if condition <= Condition::Failing => "bad",
        _ => "warn",
    };
    let why = match &status.error {
        Some(error) => format!("<p class=\"why\">{}</p>", escaped(&RotationError::chain(error))),
        None => status
            .failing_for(now)
            .map(|age| format!("<p class=\"why\">a rotation began {} ago and was not promoted</p>", span(age)))
            .unwrap_or_default(),
    };
    let expires = status.expires_at().map_or_else(String::new, |end| from_now(end, now));
    let described = status.described.as_ref();
    let schedule = described.and_then(|described| described.rotation_rules.as_ref()).and_then(schedule);
    let next = match described.map(|described| (described.rotation_enabled, described.next_rotation)) {
        Some((Some(false), _)) => "disabled".to_owned(),
        Some((_, Some(next))) => format!("{} UTC ({})", minute(next), from_now(next, now)),
        Some((None, None)) => "manual".to_owned(),
        _ => String::new(),
    };
    let schedule = schedule.map(|text| format!("<p class=\"why\">{}</p>", escaped(&text))).unwrap_or_default();
    format!(
        "<tr class=\"{level}\"><th scope=\"row\">{}{why}</th><td>{}</td><td>{}</td><td data-name=\"Expires\">{expires}</td><td data-name=\"Next rotation\">{next}{schedule}</td></tr>\n",
        escaped(&status.typed),
        condition.name().replace('_', " "),
        bar(status, now),
    )
}

/// What is left of the token's lifetime.
fn bar(status: &Status, now: Timestamp) -> String {
    let TokenStatus::Stored { issued_at: Some(issued_at), expires_at: Some(expires_at) } = status.token else {
        return String::new();
    };
    let life = expires_at.duration_since(issued_at).as_secs().max(1);
    let left = expires_at.duration_since(now).as_secs().clamp(0, life);
    let percent = left.saturating_mul(100) / life;
    format!(
        "<div class=\"bar\" role=\"img\" aria-label=\"{percent} % left\"><div style=\"width:{percent}%\"></div></div>"
    )
}

/// Text for HTML. Names of secrets are foreign text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::rows::tests::{moment, status};

    #[test]
    fn the_page_escapes_foreign_text_and_needs_nothing_else() {
        let token = TokenStatus::Stored {
            issued_at: Some(moment("2026-01-02T00:00:00Z")),
            expires_at: Some(moment("2026-01-03T00:00:00Z")),
        };
        let foreign = Status { typed: "<script>alert('a')</script>&\"\u{1b}".to_owned(), ..status(token) };
        let page = text(&[&foreign, &status(TokenStatus::Missing)], moment("2026-01-02T06:00:00Z"));
        assert!(page.contains("&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt;&amp;&quot; "), "{page}");
        for forbidden in ["<script", "http://", "https://", "url(", "@import", "\u{1b}"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("75 % left") && page.contains("width:75%"), "{page}");
        assert!(page.contains("1 ok, 1 need attention, 0 of them now"), "{page}");
    }
}
