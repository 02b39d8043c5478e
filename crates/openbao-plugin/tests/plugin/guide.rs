//! The guide's engine, in OpenBao.

use serde_json::{Value, json};

use super::bao::{Bao, Plugin};
use super::example::named;

const NAME: &str = "notes-engine";
const PAGE: &str = include_str!("../../../../docs/secrets-engines.md");
const SOURCE: &str = include_str!("../../examples/notes-engine.rs");

#[test]
fn the_page_shows_the_engine_that_is_tested_in_60_lines() {
    let shown = PAGE.split_once("```rust\n").and_then(|(_, rest)| rest.split_once("```")).map(|(code, _)| code);
    assert!(shown == Some(SOURCE), "copy examples/notes-engine.rs into docs/secrets-engines.md");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    assert!(SOURCE.lines().filter(is_code).count() <= 60);
}

#[tokio::test]
async fn the_engine_of_the_guide_works_with_the_commands_of_the_guide() {
    let plugin = Plugin { name: NAME, version: "v1.0.0", binary: named(NAME), environment: Vec::new() };
    let Some(bao) = Bao::with(&plugin).await else { return };
    let run = |command: &str| {
        assert!(PAGE.contains(&format!("bao {command}\n")), "the page has no such command: {command}");
        let output = bao.command(&command.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("secrets enable -path=notes notes-engine");
    run("write notes/notes/first text=hello");
    let read = run("read notes/notes/first");
    assert!(read.contains("hello") && read.contains("lease_id") && read.contains("1h"), "{read}");
    assert!(run("path-help notes/notes/first").contains("A write replaces the note. A read leases it for an hour."));
    assert_eq!(bao.call("LIST", "notes/notes", Value::Null).await.1["data"]["keys"], json!(["first"]));
    assert_eq!(bao.call("PUT", "notes/notes/second", json!({})).await.0, 400);
    let leases = bao.call("PUT", "sys/leases/revoke-prefix/notes", json!({})).await;
    assert_eq!(leases.0, 204, "{leases:?}");
    assert_eq!(bao.call("DELETE", "sys/mounts/notes", Value::Null).await.0, 204);
}
