//! Reads a source file's modules, items, imports and paths from its tokens.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Keywords that a name follows which the module then defines.
const DEFINING: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];
/// Items that end with `;`, even after a group in braces.
const ENDING_WITH_SEMICOLON: [&str; 4] = ["const", "static", "type", "use"];

/// What one module holds. Items under `#[cfg(test)]` are left out.
#[derive(Default)]
pub struct Scan {
    /// Names of the items that the module defines.
    pub items: BTreeSet<String>,
    /// One entry for each name that `use` declarations import, also inside functions.
    pub imports: Vec<Import>,
    /// Paths in the code, macros included: `crate::a::b`, `module::function`, `Type`.
    pub paths: BTreeSet<Vec<String>>,
    /// Names of the modules in files of their own.
    pub modules: Vec<String>,
    /// Modules in this file, with what they hold.
    pub inline_modules: Vec<(String, Scan)>,
}

/// One name of a `use` declaration.
pub struct Import {
    /// The path as written: `super::error::Result`. A glob's path ends at its module.
    pub path: Vec<String>,
    /// The name in this module, or `*`.
    pub name: String,
    /// Whether the declaration is a re-export.
    pub is_public: bool,
}

impl Scan {
    /// Scans the tokens of a module.
    pub fn of(tokens: TokenStream) -> Self {
        let mut scan = Self::default();
        scan.group(&tokens.into_iter().collect::<Vec<_>>(), true);
        scan
    }

    fn group(&mut self, tokens: &[TokenTree], is_module: bool) {
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                _ if is_test_attribute(&tokens[at..]) => end_of_item(tokens, at + 2),
                TokenTree::Group(group) => {
                    self.group(&group.stream().into_iter().collect::<Vec<_>>(), false);
                    at + 1
                }
                TokenTree::Punct(mark) if mark.as_char() == '\'' => at + 2,
                TokenTree::Ident(word) if word == "use" && !is_mark(tokens.get(at + 1), '<') => {
                    let end = end_of_item(tokens, at);
                    self.tree(&tokens[at + 1..end], &[], is_after_pub(&tokens[..at]));
                    end
                }
                TokenTree::Ident(word) if word == "mod" && is_module => self.module(tokens, at),
                TokenTree::Ident(_) => {
                    if is_module {
                        self.items.extend(defined_name(tokens, at));
                    }
                    self.path(tokens, at)
                }
                _ => at + 1,
            };
        }
    }

    /// Reads `mod name;` or `mod name { … }`.
    fn module(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let name = word(&tokens[at + 1]).expect("a name after `mod`");
        match &tokens[at + 2] {
            TokenTree::Group(body) => self.inline_modules.push((name, Self::of(body.stream()))),
            _ => self.modules.push(name),
        }
        at + 3
    }

    /// Reads a path in code, and leaves out names of fields, methods and parameters.
    fn path(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let (path, end) = path_at(tokens, at);
        let is_method = at > 0 && is_mark(tokens.get(at - 1), '.') && !(at > 1 && is_mark(tokens.get(at - 2), '.'));
        let is_field = is_mark(tokens.get(end), ':');
        if path.len() > 1 || !(is_method || is_field) {
            self.paths.insert(path);
        }
        end
    }

    /// Reads a `use` tree: `a::{b, c as d}` imports `a::b` as `b` and `a::c` as `d`.
    fn tree(&mut self, tokens: &[TokenTree], prefix: &[String], is_public: bool) {
        for branch in tokens.split(|token| is_mark(Some(token), ',') || is_mark(Some(token), ';')) {
            let (path, mut end) = path_at(branch, 0);
            let mut path = [prefix, &path].concat();
            while is_mark(branch.get(end), ':') {
                end += 1;
            }
            let name = match branch.get(end) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.tree(&group.stream().into_iter().collect::<Vec<_>>(), &path, is_public);
                    continue;
                }
                Some(token) if is_mark(Some(token), '*') => Some("*".to_owned()),
                Some(_) => branch.get(end + 1).and_then(word),
                None => {
                    path.pop_if(|last| last == "self" && !prefix.is_empty());
                    path.last().cloned()
                }
            };
            self.imports.extend(name.map(|name| Import { path, name, is_public }));
        }
    }
}

/// The path that starts at a token, and where it ends.
fn path_at(tokens: &[TokenTree], start: usize) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = start;
    while let Some(name) = tokens.get(at).and_then(word) {
        path.push(name);
        at += 1;
        let goes_on = is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':');
        if !(goes_on && tokens.get(at + 2).and_then(word).is_some()) {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// The name that the item at a keyword defines: `fn name`, `macro_rules! name`.
fn defined_name(tokens: &[TokenTree], at: usize) -> Option<String> {
    let keyword = word(&tokens[at])?;
    if keyword == "macro_rules" {
        return tokens.get(at + 2).and_then(word);
    }
    let name = tokens.get(at + 1).and_then(word)?;
    (DEFINING.contains(&keyword.as_str()) && !DEFINING.contains(&name.as_str())).then_some(name)
}

/// Whether `#[cfg(test)]` or `#[cfg(all(test, …))]` comes next.
fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let [first, TokenTree::Group(attribute), ..] = tokens else { return false };
    let text = attribute.stream().to_string();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    is_mark(Some(first), '#') && text.starts_with("cfg") && words.any(|word| word == "test") && !text.contains("not")
}

/// Where the item that starts at a token ends, attributes and visibility included.
fn end_of_item(tokens: &[TokenTree], start: usize) -> usize {
    let needs_semicolon = tokens[start..]
        .iter()
        .filter_map(word)
        .find(|word| DEFINING.contains(&word.as_str()) || ["use", "mod", "impl"].contains(&word.as_str()))
        .is_some_and(|keyword| ENDING_WITH_SEMICOLON.contains(&keyword.as_str()));
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !needs_semicolon,
        _ => is_mark(Some(token), ';'),
    };
    tokens[start..].iter().position(ends).map_or(tokens.len(), |at| start + at + 1)
}

/// Whether the tokens end with `pub` or `pub(…)`.
fn is_after_pub(tokens: &[TokenTree]) -> bool {
    let last = |back: usize| tokens.len().checked_sub(back).and_then(|at| word(&tokens[at]));
    let is_restricted = matches!(tokens.last(), Some(TokenTree::Group(_))) && last(2).is_some_and(|word| word == "pub");
    is_restricted || last(1).is_some_and(|word| word == "pub")
}

fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    }
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == mark)
}
