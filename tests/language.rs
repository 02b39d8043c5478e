//! Checks every tracked text file against the banned phrases of `tests/language/banned.txt`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The banned phrases and identifiers, with the format described in the file itself.
const BANNED: &str = include_str!("language/banned.txt");
/// The list itself, which is not checked.
const LIST: &str = "tests/language/banned.txt";
/// Comment and continuation markers that may start a line in the middle of a sentence.
const MARKERS: [&str; 9] = ["//!", "///", "//", "##", "#", "*", "|", ">", "--"];

struct Rules {
    phrases: Vec<String>,
    identifiers: Vec<&'static str>,
}

impl Rules {
    fn read(list: &'static str) -> Self {
        let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (identifiers, phrases): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("code "));
        let identifiers = identifiers.iter().filter_map(|line| line.strip_prefix("code ")).collect();
        Self { phrases: phrases.iter().map(|phrase| folded(phrase)).collect(), identifiers }
    }

    /// The findings in one file, as `path:line: phrase`.
    fn findings(&self, path: &str, text: &str) -> Vec<String> {
        let prose = Prose::of(text);
        let mut findings: Vec<(usize, &str)> = Vec::new();
        let words: HashSet<_> = words(&prose.text).collect();
        for phrase in self.phrases.iter().filter(|phrase| words.contains(first_word(phrase))) {
            findings.extend(whole_words(&prose.text, phrase).map(|at| (prose.line(at), phrase.as_str())));
        }
        let path_words = folded(path);
        let in_path = self.phrases.iter().filter(|phrase| whole_words(&path_words, phrase).next().is_some());
        findings.extend(in_path.map(|phrase| (0, phrase.as_str())));
        if path.ends_with(".rs") {
            let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            for identifier in &self.identifiers {
                findings.extend((stem == *identifier).then_some((0, *identifier)));
                let lines = text.lines().enumerate().filter(|(_, line)| has_identifier(line, identifier));
                findings.extend(lines.map(|(number, _)| (number + 1, *identifier)));
            }
        }
        findings.sort_unstable();
        findings.iter().map(|(line, phrase)| format!("{path}:{line}: {phrase}")).collect()
    }
}

/// The text of a file as one line: lower case, without comment markers, single spaces.
struct Prose {
    text: String,
    /// The offset at which each line starts.
    starts: Vec<usize>,
}

impl Prose {
    fn of(text: &str) -> Self {
        let mut prose = Self { text: String::with_capacity(text.len()), starts: Vec::new() };
        for line in text.lines() {
            prose.starts.push(prose.text.len());
            let line = line.trim().trim_end_matches('\\');
            let line = MARKERS.iter().find_map(|marker| line.strip_prefix(marker)).unwrap_or(line);
            let line = folded(line);
            if !line.is_empty() {
                prose.text.push_str(&line);
                prose.text.push(' ');
            }
        }
        prose
    }

    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }
}

/// Lower case, `_` as a space, single spaces.
fn folded(text: &str) -> String {
    text.to_lowercase().replace('_', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn first_word(phrase: &str) -> &str {
    words(phrase).next().unwrap_or_default()
}

fn whole_words<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> {
    let is_bounded = move |at: usize| {
        let (before, after) = (&text[..at], &text[at + phrase.len()..]);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    };
    text.match_indices(phrase).map(|(at, _)| at).filter(move |at| is_bounded(*at))
}

/// Whether the code of a line has this identifier, outside a comment and a string literal.
fn has_identifier(line: &str, identifier: &str) -> bool {
    let code = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let code = code.split("//").next().unwrap_or_default();
    code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).any(|word| word == identifier)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn tracked_files() -> Vec<String> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).expect("paths are UTF-8");
    paths.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn no_tracked_file_contains_a_banned_phrase() {
    let rules = Rules::read(BANNED);
    let checked: Vec<_> = tracked_files().into_iter().filter(|path| path != LIST).collect();
    // A binary file is not UTF-8; a deleted file is still tracked until it is committed.
    let texts = checked.iter().filter_map(|path| Some((path, fs::read_to_string(root().join(path)).ok()?)));
    let findings: Vec<_> = texts.flat_map(|(path, text)| rules.findings(path, &text)).collect();
    assert!(findings.is_empty(), "{} banned phrases:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn a_banned_phrase_is_found_in_any_case_and_across_lines() {
    let rules = Rules::read("old words\noldish\ncode old_name");
    let findings = |path, text| rules.findings(path, text);
    assert_eq!(findings("a.md", "first\nit has Old\n  words here"), ["a.md:2: old words"]);
    assert_eq!(findings("a.rs", "//! it has old\n//! words"), ["a.rs:1: old words"]);
    assert_eq!(findings("a.rs", "fn it_has_old_words() {}"), ["a.rs:1: old words"]);
    assert_eq!(findings("a.rs", "let x = \"it has old \\\n    words\";"), ["a.rs:1: old words"]);
    assert_eq!(findings("oldish.md", ""), ["oldish.md:0: oldish"]);
    assert_eq!(findings("a.rs", "mod old_name;"), ["a.rs:1: old_name"]);
    assert_eq!(findings("old_name.rs", ""), ["old_name.rs:0: old_name"]);
}

#[test]
fn a_phrase_inside_a_longer_word_is_no_finding() {
    let rules = Rules::read("old\ncode End");
    for text in ["bold", "older", "// End", "let x = \u{22}End\u{22};", "Endpoint"] {
        assert_eq!(rules.findings("a.rs", text), [""; 0], "{text}");
    }
}
