//! `docs/pipelines.md`: its commands run in one shell, and its policies equal the files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Workplace, document, manifest, output, pipelines, stdout};
use crate::bao::Bao;
use crate::{start, text};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pipelines.md"));
/// Prints the number and the exit status of each command.
const SHELL: &str = r#"exec 2>&1; for number in $(seq 0 "$LAST"); do . "$HOME/$number" </dev/null; printf '\n@@%s %s\n' "$number" "$?"; done"#;

/// The blocks of one kind, without indentation.
fn blocks(kind: &str) -> Vec<Vec<&'static str>> {
    let mut lines = PAGE.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let Some(found) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let within = lines.by_ref().map(|line| line.get(indent..).unwrap_or_default());
        let block: Vec<_> = within.take_while(|line| !line.starts_with("```")).collect();
        if found == kind {
            blocks.push(block);
        }
    }
    blocks
}

/// The commands, and whether the page shows that they fail.
fn commands() -> Vec<(String, bool)> {
    let mut commands: Vec<(String, bool)> = Vec::new();
    for line in blocks("console").concat() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), false)),
            (None, Some((command, _))) if line.starts_with("    ") => *command = format!("{command}\n{line}"),
            (None, Some((_, fails))) => *fails |= line.starts_with("error:"),
            (None, None) => panic!("{line} precedes the first command"),
        }
    }
    commands
}

async fn store_in_kv(bao: &Bao, workplace: &Workplace) {
    bao.put("team/genesys", &document().to_string()).await;
    let mut command = workplace.command("genesys-rotator", &["rotate", "vault:secret/team/genesys"]);
    command.env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
    stdout(&output(command).await);
}

#[tokio::test]
async fn every_command_of_the_page_runs() {
    let Some((bao, _simulation)) = start().await else { return };
    let workplace = Workplace::new().await;
    store_in_kv(&bao, &workplace).await;
    let commands = commands();
    assert!(commands.len() >= 12, "{commands:#?}");
    for (number, (command, _)) in commands.iter().enumerate() {
        std::fs::write(workplace.home.path().join(number.to_string()), command).expect("it is written");
    }
    let mut shell = workplace.command("bash", &["-c", SHELL]);
    shell.env("LAST", (commands.len() - 1).to_string()).env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
    let printed = stdout(&output(shell).await);
    let ended: BTreeMap<usize, &str> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("@@")?.split_once(' '))
        .map(|(number, status)| (number.parse().expect("a number"), status))
        .collect();
    for (number, (command, fails)) in commands.iter().enumerate() {
        assert_eq!(ended.get(&number).copied(), Some(if *fails { "1" } else { "0" }), "{command}: {printed}");
    }
    assert!(!printed.contains(&workplace.token), "{printed}");
}

#[test]
fn the_policies_of_the_page_equal_the_files() {
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(json(&blocks("json")[0].join("\n")), json(&pipelines("aws-reader.json")));
    let hcl = blocks("hcl");
    for (block, file) in [(&hcl[0], "policies/kv-reader.hcl"), (&hcl[1], "policies/reader.hcl")] {
        assert!(text(file).contains(&block.join("\n")), "{file}");
    }
    let workflow = std::fs::read_to_string(manifest("infra/pipelines/github/workflow.yml")).expect("a workflow");
    for line in blocks("yaml").concat().iter().map(|line| line.trim().trim_start_matches("- ")) {
        let shown = workflow.contains(line) || line == "steps:";
        assert!(shown, "{line} is not in the workflow");
    }
}
