//! What `docs/documents.md` shows: its documents are stored and its commands run, on the simulator.

use std::process::Command;

use genesys_rotator::sim::cxone;
use genesys_rotator::sim::genesys::Client;
use reqwest::Method;

use super::{Scene, Transcript, write};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/documents.md"));
/// The address that the page has its reader use.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// A block of the page: the kind that its fence names, the line before it, and its text.
struct Block {
    kind: String,
    title: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut title = String::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        match line.strip_prefix("```") {
            Some(kind) => {
                let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
                blocks.push(Block { kind: kind.to_owned(), title: title.clone(), text: text.join("\n") });
            }
            None if !line.is_empty() => title = line.to_owned(),
            None => {}
        }
    }
    blocks
}

async fn change(scene: &Scene, command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    let method = words.windows(2).find(|pair| pair[0] == "-X").map(|pair| pair[1]).expect("a method");
    let url = words.iter().find_map(|word| word.strip_prefix(ADDRESS)).expect("an address");
    let body = command.split_once("-d '").and_then(|(_, rest)| rest.strip_suffix('\'')).expect("a body");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.request(method, format!("{}{url}", scene.simulation.genesys_url())).body(body.to_owned());
    assert!(request.send().await.expect("an answer").status().is_success(), "{command}");
}

async fn run(scene: &Scene, line: &str) {
    let arguments: Vec<_> = line.split(' ').skip(1).collect();
    let mut command: Command = scene.command(&arguments);
    command.current_dir(scene.directory.path());
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the command is waited for");
    let transcript = scene.without_log(Transcript::of(done.expect("the binary runs")));
    assert_eq!(transcript.exit, Some(0), "{line}: {}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_of_the_page_does_what_it_says() {
    let scene = Scene::new().await;
    for name in ["my", "other", "admin"] {
        scene.simulation.genesys.add_client(Client::new(&format!("{name}-id"), &format!("{name}-secret")));
    }
    scene.simulation.cxone.add_client(cxone::Client::new("my-app", "my-app-secret"));
    scene.simulation.cxone.add_access_key(cxone::AccessKey::new("my-key====", "my-key-secret===="));
    let (mut stored, mut ran) = (0, 0);
    for Block { kind, title, text } in blocks() {
        if kind == "json" {
            write(scene.directory.path(), title.trim_matches(['`', ':']), &text);
            stored += 1;
        }
        for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
            match line.split(' ').next() {
                Some("curl") => change(&scene, line).await,
                Some("genesys-rotator") if !line.contains(" sim ") => {
                    run(&scene, line).await;
                    ran += 1;
                }
                _ => {}
            }
        }
    }
    assert!(stored >= 11 && ran >= 10, "{stored} documents and {ran} commands were found");
}
