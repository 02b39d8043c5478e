//! Tests of the documentation: every command of every page is run or listed as not runnable, the shown output matches
//! the real output, and links, anchors and names have targets.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` updates the output in the pages, except where the output is abbreviated.

mod contributing;
mod desk;
mod links;
mod page;
mod picture;
mod proofs;
mod readers;
mod runbook;
mod settings;
mod shown;
mod toy_platform;

use openbao_plugin::testing::bao;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use desk::{Desk, Outcome};
use page::{Exchange, Page, root};
use settings::{ELSEWHERE, SETTINGS, Setting};

fn setting(page: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.page == page).expect("the page is in SETTINGS")
}

fn is_elsewhere(setting: &Setting, command: &str) -> bool {
    setting.elsewhere.iter().chain(ELSEWHERE).any(|(begins, _)| command.starts_with(begins))
}

/// A command, and its place in the page; `None` for a prerequisite or a check that the page does not show.
type Step<'a> = (&'a str, Option<&'a Exchange>);

/// The runnable commands of a page, with their prerequisites and checks.
fn steps<'a>(setting: &Setting, exchanges: &'a [Exchange]) -> Vec<Step<'a>> {
    let (mut given, mut after) = (setting.given.to_vec(), setting.after.to_vec());
    let mut steps = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| !is_elsewhere(setting, &exchange.command)) {
        let due = given.extract_if(.., |(before, _)| exchange.command.starts_with(*before));
        steps.extend(due.map(|(_, command)| (command, None)));
        steps.push((exchange.command.as_str(), Some(exchange)));
        let due = after.extract_if(.., |(before, _)| exchange.command.starts_with(*before));
        steps.extend(due.map(|(_, command)| (command, None)));
    }
    let unused = given.first().or(after.first());
    assert!(unused.is_none(), "{}: no command begins with {unused:?}", setting.page);
    steps
}

/// Runs the commands of a page and compares their output.
async fn follow(path: &str) {
    let (page, setting) = (Page::read(path), setting(path));
    let exchanges = page.exchanges();
    let steps = steps(setting, &exchanges);
    let Some(desk) = Desk::set_up(setting).await else { return };
    desk.put(&page);
    let commands: Vec<_> = steps.iter().map(|(command, _)| *command).collect();
    let outcomes = desk.run(&commands).await;
    for ((command, exchange), outcome) in steps.iter().zip(&outcomes) {
        // A command with an error in its shown output must fail.
        let fails = exchange.is_some_and(|exchange| exchange.shown.iter().any(|line| is_error(line)));
        assert_eq!(outcome.status != Some(0), fails, "{path}: {command}: {:#?}", outcome.printed);
        assert!(!desk.gave_away(command, outcome), "{path}: {command} printed a secret");
    }
    assert_eq!(outcomes.len(), steps.len(), "{path}: the shell ended before the page did");
    let shown = steps.iter().zip(&outcomes).filter_map(|((_, exchange), outcome)| Some(((*exchange)?, outcome)));
    let stale: Vec<_> = shown.filter(|(exchange, outcome)| is_stale(exchange, outcome)).collect();
    if is_update() {
        return update(&page, &stale);
    }
    if let Some((exchange, outcome)) = stale.first() {
        let (command, shown, printed) = (&exchange.command, exchange.shown.join("\n"), outcome.printed.join("\n"));
        panic!("{path}: {command}\nthe page shows:\n{shown}\nthe command printed:\n{printed}");
    }
}

fn is_error(line: &str) -> bool {
    line.to_lowercase().starts_with("error")
}

fn is_stale(exchange: &Exchange, outcome: &Outcome) -> bool {
    !exchange.shown.is_empty() && !shown::is_as_shown(&exchange.shown, &outcome.printed)
}

/// Writes the printed output into the page.
fn update(page: &Page, stale: &[(&Exchange, &Outcome)]) {
    let mut lines: Vec<_> = page.text.lines().map(str::to_owned).collect();
    for (exchange, outcome) in stale.iter().rev().filter(|(exchange, _)| shown::is_whole(&exchange.shown)) {
        let within = |block: &&page::Block| block.begins <= exchange.shown_at.start;
        let block = page.blocks.iter().rev().find(within).expect("its block");
        let printed = outcome.printed.iter().map(|line| format!("{}{line}", " ".repeat(block.indent)));
        lines.splice(exchange.shown_at.clone(), printed);
    }
    fs::write(root().join(&page.path), lines.join("\n") + "\n").expect("the page can be written");
}

#[expect(clippy::disallowed_methods, reason = "the caller sets the variable")]
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// One test for each page with commands.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        const FOLLOWED: &[&str] = &[$($path),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                follow($path).await;
            }
        )*
    };
}

pages! {
    commands_of_aws_run: "docs/aws.md",
    commands_of_the_readme_run: "README.md",
    commands_of_break_glass_run: "docs/break-glass.md",
    commands_of_command_line_run: "docs/command-line.md",
    commands_of_monitoring_run: "docs/monitoring.md",
    commands_of_kubernetes_run: "docs/kubernetes.md",
    commands_of_kv_run: "docs/kv.md",
    commands_of_documents_run: "docs/documents.md",
    commands_of_fleets_run: "docs/fleets.md",
    commands_of_idle_time_outs_run: "docs/idle-time-outs.md",
    commands_of_fidelity_run: "docs/fidelity.md",
    commands_of_onboarding_run: "docs/onboarding.md",
    commands_of_packages_run: "docs/packages.md",
    commands_of_pipelines_run: "docs/pipelines.md",
    commands_of_infra_systemd_run: "infra/systemd/README.md",
    commands_of_infra_terraform_run: "infra/terraform/README.md",
    commands_of_the_runbook_run: "docs/runbook.md",
    commands_of_scale_run: "docs/scale.md",
    commands_of_serve_run: "docs/serve.md",
    commands_of_the_session_run: "docs/session.md",
    commands_of_upgrading_run: "docs/upgrading.md",
    commands_of_vault_openbao_run: "docs/vault-openbao.md",
    commands_of_infra_vault_run: "infra/vault/README.md",
}

#[test]
fn every_page_with_commands_has_a_test() {
    for page in Page::all().iter().filter(|page| !page.exchanges().is_empty()) {
        assert!(FOLLOWED.contains(&page.path.as_str()), "{}: add it to pages! and SETTINGS", page.path);
    }
    for setting in SETTINGS {
        let exchanges = Page::read(setting.page).exchanges();
        for (begins, _) in setting.elsewhere.iter() {
            let is_there = exchanges.iter().any(|exchange| exchange.command.starts_with(begins));
            assert!(is_there, "{}: no command begins with {begins:?}", setting.page);
        }
    }
}

#[test]
fn commands_are_in_console_blocks() {
    for page in Page::all() {
        for block in &page.blocks {
            let kind = block.kind.as_str();
            assert!(!["sh", "bash", "shell"].contains(&kind), "{}: use ```console and `$ `", page.path);
            let has_command = block.lines.iter().any(|line| line.starts_with("$ "));
            assert_eq!(kind == "console", has_command, "{}: line {}", page.path, block.begins);
        }
    }
}

#[test]
fn every_document_is_also_a_file() {
    let (page, examples) = (Page::read("docs/documents.md"), root().join("docs/examples"));
    let documents = page.blocks.iter().filter_map(|block| Some((block.file_name()?, block.lines.join("\n") + "\n")));
    let documents: BTreeMap<_, _> = documents.collect();
    if is_update() {
        documents.iter().for_each(|(name, text)| fs::write(examples.join(name), text).expect("a file"));
    }
    let files = fs::read_dir(examples).expect("a directory").flatten();
    let read = |file: fs::DirEntry| {
        let name = file.file_name().into_string().expect("a name");
        (name, fs::read_to_string(file.path()).expect("it can be read"))
    };
    let files: BTreeMap<_, _> = files.map(read).collect();
    let files = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    assert_eq!(documents, files, "the page and docs/examples differ");
}

#[test]
fn every_command_has_a_row() {
    let help = Command::new(env!("CARGO_BIN_EXE_genesys-rotator")).arg("--help").output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("it prints text");
    let listed = help.split_once("Commands:\n").expect("there are commands").1;
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let page = Page::read("docs/command-line.md");
    for name in names.filter(|name| !["", "help"].contains(name)) {
        let begins = [format!("| `{name}`"), format!("| `{name} ")];
        let has_row = page.prose().any(|line| begins.iter().any(|row| line.starts_with(row)));
        assert!(has_row, "{}: {name} has no row", page.path);
    }
}

#[test]
fn every_json_block_is_valid() {
    for page in Page::all() {
        for block in page.blocks.iter().filter(|block| block.kind == "json") {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&block.lines.join("\n"));
            assert!(read.is_ok(), "{}: line {}: {read:?}", page.path, block.begins);
        }
    }
}
