//! The manual pages, compared with `--help`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Transcript, run};

/// Programs that render a page and print warnings. Which of them is installed depends on the machine.
const RENDERERS: [(&str, &[&str]); 2] =
    [("groff", &["-man", "-Tutf8", "-ww", "-rLL=140n"]), ("mandoc", &["-T", "utf8", "-W", "warning"])];

fn help(command: &str) -> String {
    let arguments: Vec<_> = command.split(' ').filter(|word| !word.is_empty()).chain(["--help"]).collect();
    run(&arguments).stdout
}

/// The names below `Commands:`.
fn commands() -> Vec<String> {
    let help = help("");
    let listed = help.split_once("Commands:\n").expect("a list of commands").1;
    let listed = listed.lines().take_while(|line| !line.is_empty());
    // The second line of a description is indented further.
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect()
}

/// Options such as `--output`, and arguments such as `<SECRET>`.
fn words(help: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || "-<>_".contains(letter);
    let words = help.split(|letter| !is_part(letter)).filter(|word| word.starts_with("--") || word.starts_with('<'));
    words.map(str::to_owned).collect()
}

fn written() -> (TempDir, Vec<PathBuf>) {
    let directory = TempDir::new().expect("a temporary directory can be created");
    let pages = directory.path().join("share/man1");
    let transcript = run(&["man", pages.to_str().expect("a path")]);
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    let printed = transcript.stdout.lines().map(PathBuf::from).collect();
    (directory, printed)
}

#[test]
fn every_command_has_a_page_with_all_its_options() {
    let (_directory, pages) = written();
    let mut expected = vec![(String::new(), "genesys-rotator.1".to_owned())];
    expected.extend(commands().into_iter().map(|name| (name.clone(), format!("genesys-rotator-{name}.1"))));
    let names: Vec<_> = pages.iter().filter_map(|page| page.file_name()?.to_str()).collect();
    assert_eq!(names, expected.iter().map(|(_, file)| file).collect::<Vec<_>>());
    for ((command, file), page) in expected.iter().zip(&pages) {
        let text = fs::read_to_string(page).expect("the page was written").replace("\\-", "-");
        for word in words(&help(command)) {
            let name = word.trim_matches(['<', '>']);
            assert!(text.contains(name), "{file} lacks {name}");
        }
    }
}

#[test]
fn every_page_renders_without_a_warning() {
    let (_directory, pages) = written();
    for page in &pages {
        for (program, arguments) in RENDERERS {
            let Ok(done) = Command::new(program).args(arguments).arg(page).output() else { continue };
            let rendered = Transcript::of(done);
            assert_eq!((rendered.exit, rendered.stderr.as_str()), (Some(0), ""), "{program}: {}", page.display());
            assert!(rendered.stdout.contains("genesys-rotator"), "{program}: {}", page.display());
        }
    }
}

#[test]
fn without_a_directory_the_first_page_is_printed() {
    let (_directory, pages) = written();
    let transcript = run(&["man"]);
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    assert_eq!(transcript.stdout, fs::read_to_string(&pages[0]).expect("the page was written"));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let blocked = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml/man1");
    let transcript = run(&["man", blocked.to_str().expect("a path")]);
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), ""));
    assert!(transcript.error().1.contains("may write to"), "{}", transcript.stderr);
}
