//! What the engine says of itself: to people, and as an OpenAPI document to machines.
//!
//! `bao path-help` shows the text. The document is what the host makes of all its mounts at
//! `sys/internal/specs/openapi` (Vault API documentation, "/sys/internal/specs/openapi").

use std::fmt::Write;

use serde_json::{Map, Value};

use super::field::{Field, FieldKind};
use super::openapi;
use super::route::Route;
use super::router::Router;
use crate::vault_plugin::transport::{Failure, Operation, Request, Response};

/// How wide a terminal is taken to be, in characters.
const WIDTH: usize = 80;
/// With this the host says what the mount's type is, which then begins the names in the document.
const TYPE_OF_MOUNT: &str = "requestResponsePrefix";

impl<M: Send + Sync + 'static> Router<M> {
    /// Explains a path, or at the empty path the whole engine.
    ///
    /// # Errors
    ///
    /// 404 for a path without a route.
    pub(super) fn help(&self, request: &Request) -> Result<Response, Failure> {
        let (text, routes) = if request.path.is_empty() {
            (engine_text(self), self.routes)
        } else {
            let (route, _) = self.route(&request.path).ok_or(Failure::UnsupportedPath)?;
            (route_text(route, &request.path), std::slice::from_ref(route))
        };
        let mount_type = request.data.get(TYPE_OF_MOUNT).and_then(Value::as_str).unwrap_or_default();
        let mut data = Map::new();
        data.insert("help".to_owned(), Value::from(text));
        data.insert("see_also".to_owned(), Value::Null);
        data.insert("openapi".to_owned(), openapi::document(self.about, routes, mount_type));
        Ok(Response::with_data(data))
    }
}

fn engine_text<M: 'static>(router: &Router<M>) -> String {
    let mut text = format!("## DESCRIPTION\n\n{}\n\n## PATHS\n\n", router.about.trim());
    text.push_str(
        "Ask about any of these, with a name of your own in the place of a word that begins\nwith a colon.\n\n",
    );
    for route in router.routes {
        push(&mut text, 4, route.path);
        push(&mut text, 8, route.summary);
        text.push('\n');
    }
    text
}

fn route_text<M: 'static>(route: &Route<M>, path: &str) -> String {
    let mut text = format!("Request:        {path}\nMatching Route: {}\n\n{}\n\n", route.path, route.summary);
    text.push_str("## OPERATIONS\n\n");
    for (operation, answer) in route.operations().map(|answer| (verb(answer.operation), answer)) {
        push(&mut text, 4, operation);
        push(&mut text, 8, answer.summary);
        text.push('\n');
    }
    if route.parameter().is_some() || !route.fields.is_empty() {
        text.push_str("## PARAMETERS\n\n");
    }
    if let Some(parameter) = route.parameter() {
        push(&mut text, 4, &format!("{parameter} (text, in the path)"));
        text.push('\n');
    }
    for field in route.fields {
        push(&mut text, 4, &format!("{} ({})", field.name, kind(field)));
        push(&mut text, 8, field.description);
        text.push('\n');
    }
    if route.sudo {
        text.push_str("Only who is granted sudo on the path may use it.\n\n");
    }
    // Nothing can fail on the way into a text.
    let _ = writeln!(text, "## DESCRIPTION\n\n{}", route.help.trim());
    text
}

fn kind(field: &Field) -> String {
    let mut kind = match field.kind {
        FieldKind::Text => "text",
        FieldKind::Boolean => "boolean",
        FieldKind::Duration => "duration",
        FieldKind::TextList => "list of texts",
        FieldKind::Others => "any other field",
    }
    .to_owned();
    if field.required {
        kind.push_str(", required");
    }
    if let Some(default) = field.default {
        kind.push_str(", default: ");
        kind.push_str(default);
    }
    kind
}

/// What callers know an operation by. They cannot choose between creates and updates.
pub(super) fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Create | Operation::Update => "write",
        Operation::Read => "read",
        Operation::Patch => "patch",
        Operation::Delete => "delete",
        Operation::List => "list",
        Operation::Help => "help",
        Operation::Renew => "renew",
        Operation::Revoke => "revoke",
        Operation::Rollback => "rollback",
    }
}

/// Adds a paragraph, indented, in lines that fit a terminal.
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
