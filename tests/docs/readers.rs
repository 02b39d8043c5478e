//! `docs/readers.md` shows the files of docs/readers.

use std::fs;

use crate::page::{Page, root};

const SHOWN: [(&str, &str); 5] = [
    ("python", "rotated_token.py"),
    ("javascript", "rotated_token.js"),
    ("go", "rotated_token.go"),
    ("java", "RotatedToken.java"),
    ("shellscript", "rotated_token.sh"),
];

#[test]
fn the_page_shows_each_client_as_it_is() {
    let page = Page::read("docs/readers.md");
    let mut text = page.text.clone();
    for (kind, name) in SHOWN {
        let file = fs::read_to_string(root().join("docs/readers").join(name)).expect("the file exists");
        let blocks: Vec<_> = page.blocks.iter().filter(|block| block.kind == kind).collect();
        let [block] = blocks[..] else { panic!("{kind}: {} blocks", blocks.len()) };
        assert!(file.lines().all(|line| line.len() <= 120), "{name}: a line is too long");
        let shown = block.lines.join("\n") + "\n";
        if super::is_update() {
            text = text.replace(&shown, &file);
        } else {
            assert_eq!(shown, file, "{name}: run with UPDATE_DOCS=1");
        }
    }
    if super::is_update() {
        fs::write(root().join(&page.path), text).expect("the page can be written");
    }
    let files = fs::read_dir(root().join("docs/readers")).expect("a directory").count();
    assert_eq!(files, SHOWN.len(), "every file is shown");
}

#[test]
fn the_terraform_blocks_are_those_of_the_example() {
    let example = fs::read_to_string(root().join("infra/pipelines/terraform/ephemeral/main.tf")).expect("the example");
    let page = Page::read("docs/readers.md");
    let block = page.blocks.iter().find(|block| block.kind == "hcl").expect("a block");
    assert!(example.contains(&block.lines.join("\n")));
}
