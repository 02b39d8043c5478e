//! Checks that the tests which `README.md`, `docs/security.md` and `docs/fidelity.md` name exist, and that the latter names each
//! setting of the simulators.

use std::fs;

use crate::page::{Page, root};

/// Every `FILE: TEST` between backticks.
fn named_tests(page: &Page) -> Vec<(&str, &str)> {
    let quoted = page.prose().flat_map(|line| line.split('`').skip(1).step_by(2));
    let named = quoted.filter_map(|text| text.split_once(": "));
    named.filter(|(file, _)| ["tests/", "src/", "crates/"].iter().any(|folder| file.starts_with(folder))).collect()
}

/// Every link to a source file whose text is a name between backticks.
fn linked_tests(page: &Page) -> Vec<(&str, &str)> {
    let links = page.prose().flat_map(|line| line.split("[`").skip(1));
    let named =
        links.filter_map(|rest| rest.split_once("`](").and_then(|(name, rest)| Some((rest.split_once(')')?.0, name))));
    named.filter(|(file, _)| file.ends_with(".rs")).collect()
}

/// Whether a source file has a test with this name.
fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let before = before.trim_end().trim_end_matches("async").trim_end();
    let mut attributes = before.lines().rev().take_while(|line| line.trim_start().starts_with("#["));
    attributes.any(|attribute| attribute.contains("test"))
}

#[test]
fn every_test_that_a_page_names_exists() {
    for path in ["docs/security.md", "docs/fidelity.md"] {
        let page = Page::read(path);
        let named = named_tests(&page);
        assert!(named.len() > 30, "{path}: {} tests are named", named.len());
        for (file, name) in named {
            let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(is_test(&source, name), "{path}: {file} has no test {name}");
        }
    }
}

#[test]
fn every_test_that_the_readme_links_exists() {
    let page = Page::read("README.md");
    let linked = linked_tests(&page);
    assert!(linked.len() > 5, "{linked:?}");
    for (file, name) in linked {
        let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_test(&source, name), "{file} has no test {name}");
    }
}

#[test]
fn the_readme_has_at_most_120_lines() {
    assert!(Page::read("README.md").text.lines().count() <= 120);
}

#[test]
fn the_fidelity_page_names_every_setting_of_the_simulators() {
    let page = Page::read("docs/fidelity.md");
    for folder in ["genesys", "cxone", "secrets_manager"] {
        let source = fs::read_to_string(root().join(format!("crates/simulators/src/{folder}/settings.rs")));
        let source = source.expect("the settings can be read");
        let names = source.lines().filter_map(|line| line.strip_prefix("    pub ")?.split_once(": "));
        let names: Vec<_> = names.map(|(name, _)| name).collect();
        assert!(names.len() > 10, "{folder}: {names:?}");
        for name in names {
            assert!(page.text.contains(&format!("`{name}`")), "docs/fidelity.md does not name {name} of {folder}");
        }
    }
}

#[test]
fn a_test_is_recognized_by_its_attribute() {
    assert!(is_test("#[tokio::test]\nasync fn it_is() {}", "it_is"));
    assert!(is_test("    #[test]\n    fn it_is() {}", "it_is"));
    assert!(!is_test("#[test]\nfn another() {}\n\nfn it_is() {}", "it_is"));
    assert!(!is_test("", "it_is"));
}
