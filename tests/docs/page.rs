//! Parses a page: its headings, blocks and commands.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that are skipped.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// Line endings after which a command continues on the next line.
const GOES_ON: [&str; 3] = ["\\", " |", " &&"];

/// A page.
pub struct Page {
    /// The path from the project directory, such as `docs/kv.md`.
    pub path: String,
    /// The text.
    pub text: String,
    /// The fenced blocks, in order.
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub struct Block {
    /// The info string, such as `console`.
    pub kind: String,
    /// The last non-empty line before the block.
    pub title: String,
    /// The indentation of the fence.
    pub indent: usize,
    /// The number of the first line in the page, from 0.
    pub begins: usize,
    /// The lines, without the indentation.
    pub lines: Vec<String>,
}

/// A command and its shown output.
pub struct Exchange {
    /// The command, with all of its lines.
    pub command: String,
    /// The line numbers of the shown output in the page, from 0.
    pub shown_at: std::ops::Range<usize>,
    /// The shown output.
    pub shown: Vec<String>,
}

impl Page {
    /// Reads a page.
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let blocks = blocks(&text);
        Self { path: path.to_owned(), text, blocks }
    }

    /// Every page of the project.
    pub fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        collect(&root(), &mut paths);
        paths.sort();
        let name = |path: &PathBuf| path.strip_prefix(root()).expect("it is below it").display().to_string();
        paths.iter().map(|path| Self::read(&name(path))).collect()
    }

    /// The commands of console blocks, and of table cells that start with `$ `, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let consoles = self.blocks.iter().filter(|block| block.kind == "console").flat_map(Block::exchanges);
        let cells =
            self.text.lines().enumerate().filter(|(_, line)| line.starts_with('|')).flat_map(|(number, line)| {
                let commands = line.split('|').filter_map(|cell| cell.trim().strip_prefix("`$ ")?.strip_suffix('`'));
                commands.map(move |command| Exchange {
                    command: command.to_owned(),
                    shown_at: number..number,
                    shown: Vec::new(),
                })
            });
        let mut exchanges: Vec<_> = consoles.chain(cells).collect();
        exchanges.sort_by_key(|exchange| exchange.shown_at.start);
        exchanges
    }

    /// The lines outside blocks.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let within = |number: usize| {
            self.blocks.iter().any(|block| (block.begins - 1..=block.begins + block.lines.len()).contains(&number))
        };
        self.text.lines().enumerate().filter(move |(number, _)| !within(*number)).map(|(_, line)| line)
    }

    /// The headings with their level.
    pub fn headings(&self) -> Vec<(usize, &str)> {
        let heading = |line: &'_ str| {
            let depth = line.len() - line.trim_start_matches('#').len();
            (depth, depth > 0 && line[depth..].starts_with(' '))
        };
        let headings = self.prose().filter(|line| heading(line).1);
        headings.map(|line| (heading(line).0, line.trim_start_matches('#').trim())).collect()
    }
}

impl Block {
    /// The file name on the line before the block, such as `` `simple.json`: ``.
    pub fn file_name(&self) -> Option<&str> {
        let name = self.title.trim().strip_prefix('`')?.strip_suffix("`:")?;
        (!name.contains(['`', ' ', '/'])).then_some(name)
    }

    /// The commands of a console block.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        let mut lines = self.lines.iter().enumerate().peekable();
        while let Some((_, line)) = lines.next() {
            let Some(first) = line.strip_prefix("$ ") else { continue };
            let mut command = first.to_owned();
            while GOES_ON.iter().any(|end| command.ends_with(end))
                && let Some((_, next)) = lines.next()
            {
                command = format!("{command}\n{next}");
            }
            if let Some(end) = here_document(first) {
                for (_, line) in lines.by_ref() {
                    command = format!("{command}\n{line}");
                    if line == &end {
                        break;
                    }
                }
            }
            let at = self.begins + lines.peek().map_or(self.lines.len(), |(number, _)| *number);
            let mut shown = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("$ ")) {
                shown.push(line.clone());
            }
            exchanges.push(Exchange { command, shown_at: at..at + shown.len(), shown });
        }
        exchanges
    }
}

/// The delimiter of a here-document.
fn here_document(command: &str) -> Option<String> {
    let word = command.split_once("<<")?.1.split_whitespace().next()?;
    Some(word.trim_matches(['\'', '"']).to_owned())
}

/// The project directory.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory can be read").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !FOREIGN.iter().any(|foreign| name == *foreign) {
                collect(&path, pages);
            }
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut title = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(kind) = line.trim_start().strip_prefix("```") else {
            if !line.trim().is_empty() {
                line.clone_into(&mut title);
            }
            continue;
        };
        let within = lines.by_ref().map(|(_, line)| line.get(indent..).unwrap_or_default());
        let within = within.take_while(|line| !line.starts_with("```")).map(str::to_owned).collect();
        let (kind, title) = (kind.trim().to_owned(), std::mem::take(&mut title));
        blocks.push(Block { kind, title, indent, begins: number + 1, lines: within });
    }
    blocks
}
