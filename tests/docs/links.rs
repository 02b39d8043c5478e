//! Links and anchors.

use std::collections::HashMap;
use std::path::Path;

use crate::page::{Page, root};

/// The targets of all links outside code.
fn links(page: &Page) -> Vec<String> {
    let prose: Vec<_> = page.prose().map(without_code).collect();
    let prose = prose.join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// The anchors of a page's headings, as GitHub generates them: duplicates get a number.
fn anchors(page: &Page) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchor = |heading: &str| {
        let heading = heading.to_lowercase();
        let kept = heading.chars().filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter => letter.is_alphanumeric().then_some(letter),
        });
        let anchor: String = kept.collect();
        let count = seen.entry(anchor.clone()).and_modify(|count| *count += 1).or_insert(0);
        if *count == 0 { anchor } else { format!("{anchor}-{count}") }
    };
    page.headings().iter().map(|(_, heading)| anchor(heading)).collect()
}

/// The error of a link, or `None`.
fn broken(page: &Page, link: &str, pages: &[Page]) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let directory = Path::new(&page.path).parent().unwrap_or(Path::new(""));
    let target = normal(&if path.is_empty() { page.path.clone() } else { directory.join(path).display().to_string() });
    if !root().join(&target).exists() {
        return Some("no such file");
    }
    let known = pages.iter().find(|page| page.path == target).map(anchors);
    let is_missing = !anchor.is_empty() && known.is_some_and(|known| !known.iter().any(|one| one == anchor));
    is_missing.then_some("no such heading")
}

/// Resolves `.` and `..` in a path.
fn normal(path: &str) -> String {
    let mut steps = Vec::new();
    for step in path.split('/') {
        match step {
            ".." => drop(steps.pop()),
            "." => {}
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[test]
fn every_link_has_a_target() {
    let pages = Page::all();
    let links: Vec<_> = pages.iter().flat_map(|page| links(page).into_iter().map(move |link| (page, link))).collect();
    assert!(links.len() > 20, "{} links were found", links.len());
    let broken = links.iter().filter_map(|(page, link)| Some((&page.path, link, broken(page, link, &pages)?)));
    let broken: Vec<_> = broken.collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_list_of_pages_is_complete() {
    let pages = Page::all();
    let list = pages.iter().find(|page| page.path == "docs/README.md").expect("the list");
    let listed: Vec<_> = links(list).iter().map(|link| normal(&format!("docs/{link}"))).collect();
    let is_listed = |path: &String| listed.contains(path) || path == "docs/README.md";
    // The page of the decisions lists each one.
    let missing = pages
        .iter()
        .map(|page| &page.path)
        .filter(|path| !is_listed(path) && !path.starts_with("docs/decisions/0") && !path.starts_with(".github/"));
    assert_eq!(
        missing.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "docs/README.md, from which `make book` takes its order"
    );
}
