//! What `docs/security.md` says that tests prove: the tests are there.

use std::fs;

use crate::page::{Page, root};

/// `FILE: TEST` between backticks, of a file under `tests/` or `src/`.
fn proofs(page: &Page) -> Vec<(&str, &str)> {
    let quoted = page.prose().flat_map(|line| line.split('`').skip(1).step_by(2));
    let proofs = quoted.filter_map(|text| text.split_once(": "));
    proofs.filter(|(file, _)| ["tests/", "src/", "crates/"].iter().any(|folder| file.starts_with(folder))).collect()
}

/// Whether a file has this function, as a test.
fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let before = before.trim_end().trim_end_matches("async").trim_end();
    let mut attributes = before.lines().rev().take_while(|line| line.trim_start().starts_with("#["));
    attributes.any(|attribute| attribute.contains("test"))
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = Page::read("docs/security.md");
    let proofs = proofs(&page);
    assert!(proofs.len() > 30, "{} tests are named", proofs.len());
    for (file, name) in proofs {
        let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_test(&source, name), "{file} has no test {name}");
    }
}

#[test]
fn a_test_is_known_by_its_attribute() {
    assert!(is_test("#[tokio::test]\nasync fn it_is() {}", "it_is"));
    assert!(is_test("    #[test]\n    fn it_is() {}", "it_is"));
    assert!(!is_test("#[test]\nfn another() {}\n\nfn it_is() {}", "it_is"));
    assert!(!is_test("", "it_is"));
}
