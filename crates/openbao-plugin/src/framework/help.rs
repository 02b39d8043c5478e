//! The text of `path-help`, for the engine and for each path.

use super::field::{Field, FieldKind};
use super::path::parameters;
use super::route::Route;
use crate::logical::request::Operation;

/// The assumed width of a terminal, in characters.
const WIDTH: usize = 80;
const PLACEHOLDERS: &str = "Each of these paths has help of its own. A segment that starts with a colon stands for a \
    name that you choose, and one that starts with an asterisk for the rest of the path.";

/// The help of the engine.
pub(super) fn engine_text<M: 'static>(about: &str, routes: &[Route<M>]) -> String {
    let mut text = "## DESCRIPTION\n\n".to_owned();
    push_text(&mut text, about);
    text.push_str("\n## PATHS\n\n");
    push(&mut text, 0, PLACEHOLDERS);
    text.push('\n');
    for route in routes {
        push(&mut text, 4, route.path);
        push(&mut text, 8, route.summary);
        text.push('\n');
    }
    text
}

/// The help of a path.
pub(super) fn route_text<M: 'static>(route: &Route<M>, path: &str) -> String {
    let mut text = format!("Request:        {path}\nMatching Route: {}\n\n", route.path);
    push_text(&mut text, route.summary);
    text.push_str("\n## OPERATIONS\n\n");
    for operation in route.operations() {
        push(&mut text, 4, operation.verb());
        push(&mut text, 8, operation.summary);
        text.push('\n');
    }
    if parameters(route.path).next().is_some()
        || route.all_fields().next().is_some()
        || route.find(Operation::List).is_some()
    {
        text.push_str("## PARAMETERS\n\n");
    }
    for parameter in parameters(route.path) {
        push(&mut text, 4, &format!("{parameter} (string, in the path)"));
        text.push('\n');
    }
    let is_list = route.find(Operation::List).is_some();
    for field in route.fields_of(if is_list { Operation::List } else { Operation::Read }) {
        push(&mut text, 4, &format!("{} ({})", field.name, kind(field)));
        push(&mut text, 8, field.description);
        text.push('\n');
    }
    if route.sudo {
        text.push_str("Requires the sudo capability.\n\n");
    }
    text.push_str("## DESCRIPTION\n\n");
    push_text(&mut text, route.help);
    text
}

fn kind(field: &Field) -> String {
    let mut kind = match field.kind {
        FieldKind::Text => "string",
        FieldKind::Boolean => "boolean",
        FieldKind::Duration => "duration",
        FieldKind::TextList => "list of strings",
        FieldKind::Integer => "integer",
        FieldKind::Map => "object",
        FieldKind::Header => "headers",
        FieldKind::Rest => "any other field",
    }
    .to_owned();
    if !field.allowed.is_empty() {
        kind.push_str(", one of: ");
        kind.push_str(&field.allowed.join(", "));
    }
    if field.required {
        kind.push_str(", required");
    }
    if let Some(default) = field.default {
        kind.push_str(", default: ");
        kind.push_str(default);
    }
    kind
}

/// Appends a text with its own line breaks. Lines that are too long are wrapped.
fn push_text(text: &mut String, written: &str) {
    for line in written.trim().lines() {
        if line.chars().count() <= WIDTH {
            push_line(text, 0, line.trim_end());
        } else {
            push(text, line.len() - line.trim_start().len(), line);
        }
    }
}

/// Appends a paragraph, indented and wrapped.
fn push(text: &mut String, indent: usize, paragraph: &str) {
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
            push_line(text, indent, &line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    push_line(text, indent, &line);
}

fn push_line(text: &mut String, indent: usize, line: &str) {
    text.extend(std::iter::repeat_n(' ', indent));
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped() {
        let mut text = String::new();
        push(&mut text, 8, &"word ".repeat(30));
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.starts_with("        word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 30);
        text.clear();
        push_text(&mut text, &format!("a  table\n \n  two{}\n", " x".repeat(40)));
        assert_eq!(text, format!("a  table\n\n  two{}\n  x x x\n", " x".repeat(37)));
        let endless = "x".repeat(200);
        text.clear();
        push(&mut text, 2, &format!("an {endless} word"));
        assert_eq!(text, format!("  an\n  {endless}\n  word\n"));
    }
}
