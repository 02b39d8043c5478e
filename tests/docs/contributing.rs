//! CONTRIBUTING.md: its code is the code of the toy platform, its files are those that name platforms, its commands are targets.

use std::fs;
use std::process::Command;

use crate::page::{Page, root};

const TOY: &str = include_str!("toy_platform.rs");

#[test]
fn the_code_of_the_page_is_that_of_the_toy_platform() {
    let page = Page::read("CONTRIBUTING.md");
    let blocks: Vec<_> = page.blocks.iter().filter(|block| block.kind == "rust").collect();
    assert_eq!(blocks.len(), 2, "the implementation, and the test");
    for block in blocks {
        assert!(TOY.contains(&block.lines.join("\n")), "CONTRIBUTING.md line {} differs from the code", block.begins);
    }
}

#[test]
fn the_page_names_every_file_that_lists_the_platforms() {
    let mut command = Command::new("git");
    command.args(["grep", "-lE", r"(PlatformName|Place|Credentials|Self)::Cxone", "--", "src"]).current_dir(root());
    let files = String::from_utf8(command.output().expect("git").stdout).expect("text");
    let page = Page::read("CONTRIBUTING.md");
    let folders = ["src/rotation/", "src/platform/", "src/engine/", "src/cli/"];
    assert!(files.lines().count() > 5, "{files}");
    for file in files.lines() {
        let folder = folders.iter().find(|folder| file.starts_with(**folder)).expect(file);
        assert!(page.text.contains(&format!("`{folder}")), "CONTRIBUTING.md does not name {folder}, with {file}");
    }
    let named =
        page.text.split('`').skip(1).step_by(2).filter(|name| name.starts_with("src/") || name.starts_with("tests/"));
    for name in named.filter(|name| !name.contains("NAME")) {
        assert!(root().join(name).exists(), "CONTRIBUTING.md names {name}, which does not exist");
    }
}

#[test]
fn the_targets_of_the_page_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    let page = Page::read("CONTRIBUTING.md");
    let targets = page.text.split("`make ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next());
    let targets: Vec<_> = targets.collect();
    assert!(targets.len() >= 8, "{targets:?}");
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}: ")), "there is no target {target}");
    }
}
