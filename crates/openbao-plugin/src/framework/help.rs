//! What the engine says of itself: to people, and as an OpenAPI document to machines.
//!
//! `bao path-help` shows the text. The document is what the host makes of all its mounts at
//! `sys/internal/specs/openapi` (Vault API documentation, "/sys/internal/specs/openapi").

use serde_json::{Map, Value};

use super::field::{Field, FieldKind};
use super::openapi;
use super::route::Route;
use super::router::Router;
use crate::{Failure, Operation, Request, Response};

/// How wide a terminal is taken to be, in characters.
const WIDTH: usize = 80;
const PLACEHOLDERS: &str = "Ask about any of them. A word that begins with a colon stands for a name of your own, and \
    one that begins with an asterisk for the rest of the path.";
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
    let mut text = "## DESCRIPTION\n\n".to_owned();
    push_text(&mut text, router.about);
    text.push_str("\n## PATHS\n\n");
    push(&mut text, 0, PLACEHOLDERS);
    text.push('\n');
    for route in router.routes {
        push(&mut text, 4, route.path);
        push(&mut text, 8, route.summary);
        text.push('\n');
    }
    text
}

fn route_text<M: 'static>(route: &Route<M>, path: &str) -> String {
    let mut text = format!("Request:        {path}\nMatching Route: {}\n\n", route.path);
    push_text(&mut text, route.summary);
    text.push_str("\n## OPERATIONS\n\n");
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
    text.push_str("## DESCRIPTION\n\n");
    push_text(&mut text, route.help);
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

/// Adds a text as its author broke it into lines, but for those that do not fit.
fn push_text(text: &mut String, written: &str) {
    for line in written.trim().lines() {
        if line.chars().count() <= WIDTH {
            push_line(text, 0, line.trim_end());
        } else {
            push(text, line.len() - line.trim_start().len(), line);
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::example::{ROUTER, request};

    fn help(path: &str) -> Map<String, Value> {
        ROUTER.help(&request(Operation::Help, path, json!({TYPE_OF_MOUNT: "genesys"}))).unwrap().data.unwrap()
    }

    fn paths(help: &Map<String, Value>) -> Vec<&String> {
        help["openapi"]["paths"].as_object().unwrap().keys().collect()
    }

    #[test]
    fn the_engine_lists_its_paths() {
        let help = help("");
        let text = help["help"].as_str().unwrap();
        assert!(
            text.starts_with("## DESCRIPTION\n\nKeeps tokens fresh.\n\nWrite config/ first.\n\n## PATHS\n\n"),
            "{text}"
        );
        assert!(text.contains("\n    config/:name\n        An OAuth client.\n\n    config/:name/usage\n"), "{text}");
        assert_eq!(help["see_also"], Value::Null);
        assert_eq!(paths(&help).len(), ROUTER.routes.len());
    }

    #[test]
    fn a_path_says_what_it_takes() {
        let help = help("config/main");
        let expected = [
            "Request:        config/main\nMatching Route: config/:name\n\nAn OAuth client.\n\n## OPERATIONS\n",
            "    write\n        Changes one.\n\n    read\n        Shows one.\n\n    delete\n        Forgets one.\n",
            "## PARAMETERS\n\n    name (text, in the path)\n",
            "    region (text, default: us-east-1)\n        Where the client lives.\n",
            "    secret (text, required)\n        The client's secret.\n",
            "    verify (boolean, default: true)\n        Whether to try it.\n",
            "    ttl (duration, default: 1h)\n        How long tokens live.\n",
            "    tags (list of texts, default: none)\n        Words to find it by.\n",
            "## DESCRIPTION\n\nThe secret is never shown again.\n",
        ]
        .join("\n");
        assert_eq!(help["help"], expected);
        assert_eq!(paths(&help), ["/config/{name}"], "the document of this path alone");
        assert!(!self::help("config")["help"].as_str().unwrap().contains("PARAMETERS"), "a list takes none");
        assert!(self::help("rotate/main")["help"].as_str().unwrap().contains("granted sudo"));
    }

    #[test]
    fn long_lines_are_folded() {
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
