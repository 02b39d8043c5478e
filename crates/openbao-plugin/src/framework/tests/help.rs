//! The help of the example routes.

use serde_json::{Map, Value, json};

use crate::framework::example_routes::{ROUTER, request};
use crate::logical::request::Operation;

fn help(path: &str) -> Map<String, Value> {
    ROUTER.help(&request(Operation::Help, path, json!({"requestResponsePrefix": "genesys"}))).unwrap().data.unwrap()
}

fn paths(help: &Map<String, Value>) -> Vec<&String> {
    help["openapi"]["paths"].as_object().unwrap().keys().collect()
}

#[test]
fn the_engines_help_lists_its_paths() {
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
fn a_paths_help_describes_its_operations_and_fields() {
    let answer = help("config/main");
    let expected = [
        "Request:        config/main\nMatching Route: config/:name\n\nAn OAuth client.\n\n## OPERATIONS\n",
        "    write\n        Changes one.\n\n    read\n        Shows one.\n\n    patch\n        Changes some fields.\n\n    delete\n        Deletes one.\n",
        "## PARAMETERS\n\n    name (string, in the path)\n",
        "    region (string, default: us-east-1)\n        Where the client lives.\n",
        "    secret (string, required)\n        The client's secret.\n",
        "    verify (boolean, default: true)\n        Whether to try it.\n",
        "    ttl (duration, default: 1h)\n        How long tokens live.\n",
        "    tags (list of strings, default: none)\n        Words to find it by.\n",
        "    format (string, one of: json, jwt, default: json)\n        The format of the token.\n",
        "    uses (integer, default: 0)\n        How often a token may be used.\n",
        "    labels (object)\n        Free words.\n",
        "    headers (headers)\n        What to send along.\n",
        "## DESCRIPTION\n\nThe secret is never shown again.\n",
    ]
    .join("\n");
    assert_eq!(answer["help"], expected);
    assert_eq!(paths(&answer), ["/config/{name}"], "only this path");
    assert!(help("config")["help"].as_str().unwrap().contains("    limit (integer, default: 0)\n"), "a list has pages");
    assert!(help("rotate/main")["help"].as_str().unwrap().contains("sudo capability"));
}
