//! The modules of all crates, and which file imports which: every import counts for the file that defines the item,
//! however many re-exports it passes.

use crate::scan::Scan;
use proc_macro2::TokenStream;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Imports of one file by another, with the names of the items.
pub type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// All crates of the workspace.
#[derive(Default)]
pub struct Workspace {
    sources: BTreeMap<String, String>,
    modules: Vec<Module>,
    /// Root modules of the libraries by crate name.
    libraries: BTreeMap<String, usize>,
}

struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    scan: Scan,
}

/// What a path leads to.
enum Target {
    Module(usize),
    /// An item that this module defines.
    Item(usize),
}

impl Workspace {
    /// Reads the sources of the product and of the crates beside it.
    pub fn read() -> Self {
        Self::of(files_under(&["src", "crates/openbao-plugin/src", "crates/simulators/src"]))
    }

    /// Finds the modules of all crates among these sources, which are given by path.
    pub fn of(sources: BTreeMap<String, String>) -> Self {
        let mut workspace = Self { sources, ..Self::default() };
        let roots: Vec<_> = workspace.sources.keys().filter(|file| is_root(file)).cloned().collect();
        for file in roots {
            let scan = workspace.scan(&file);
            let root = workspace.add(file.clone(), None, scan);
            if let Some(directory) = file.strip_suffix("src/lib.rs") {
                let name = directory.trim_start_matches("crates/").trim_end_matches('/').replace('-', "_");
                let name = if name.is_empty() { "genesys_rotator".to_owned() } else { name };
                workspace.libraries.insert(name, root);
            }
        }
        workspace
    }

    /// Every file that is part of a crate.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|module| module.file.as_str())
    }

    /// Which file imports which, and for the items of which names.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (at, module) in self.modules.iter().enumerate() {
            for (path, name) in self.used_paths(at) {
                for target in self.resolve(at, &path, &mut BTreeSet::new()) {
                    let Target::Item(definer) = target else { continue };
                    let edge = (module.file.clone(), self.modules[definer].file.clone());
                    if edge.0 != edge.1 {
                        imports.entry(edge).or_default().insert(name.clone());
                    }
                }
            }
        }
        imports
    }

    /// The crates outside of the workspace that each file may name.
    pub fn external_crates(&self) -> BTreeSet<(String, String)> {
        let named = |(at, module): (usize, &Module)| {
            let paths = self.used_paths(at).into_iter().filter(|(path, _)| !path.is_empty());
            let roots: Vec<_> = paths.map(|(path, _)| (module.file.clone(), path[0].clone())).collect();
            roots
        };
        self.modules.iter().enumerate().flat_map(named).collect()
    }

    /// Paths that a module's code uses, each with the name to report. A re-export alone is no use.
    fn used_paths(&self, at: usize) -> Vec<(Vec<String>, String)> {
        let scan = &self.modules[at].scan;
        let imported = scan.imports.iter().filter(|import| !import.is_public && import.name != "*");
        let imported = imported.map(|import| &import.path);
        let all = imported.chain(&scan.paths);
        all.map(|path| (path.clone(), path.last().cloned().unwrap_or_default())).collect()
    }

    fn add(&mut self, file: String, parent: Option<usize>, scan: Scan) -> usize {
        let at = self.modules.len();
        self.modules.push(Module { file: file.clone(), parent, children: BTreeMap::new(), scan });
        for name in self.modules[at].scan.modules.clone() {
            let child = self.child_file(at, &name).unwrap_or_else(|| panic!("{file}: no file for `mod {name}`"));
            let scan = self.scan(&child);
            let child = self.add(child, Some(at), scan);
            self.modules[at].children.insert(name, child);
        }
        for (name, scan) in std::mem::take(&mut self.modules[at].scan.inline_modules) {
            let child = self.add(file.clone(), Some(at), scan);
            self.modules[at].children.insert(name, child);
        }
        at
    }

    fn scan(&self, file: &str) -> Scan {
        let tokens: TokenStream = self.sources[file].parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        Scan::of(tokens)
    }

    fn child_file(&self, parent: usize, name: &str) -> Option<String> {
        let file = &self.modules[parent].file;
        let directory = match file.strip_suffix("/mod.rs") {
            Some(directory) => directory,
            None if is_root(file) => file.rsplit_once('/')?.0,
            None => file.strip_suffix(".rs")?,
        };
        let candidates = [format!("{directory}/{name}.rs"), format!("{directory}/{name}/mod.rs")];
        candidates.into_iter().find(|file| self.sources.contains_key(file))
    }

    /// Follows a path from a module, through re-exports and imported names.
    fn resolve(&self, from: usize, path: &[String], seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let parent = |at: usize| self.modules[at].parent;
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(std::iter::successors(Some(from), |at| parent(*at)).last().unwrap_or(from))],
            "self" => vec![Target::Module(from)],
            "super" => parent(from).map(Target::Module).into_iter().collect(),
            name => self.lookup(from, name, seen),
        };
        if let (true, Some(library)) = (targets.is_empty(), self.libraries.get(first)) {
            targets.push(Target::Module(*library));
        }
        for name in rest {
            let next = |target| match target {
                Target::Item(definer) => vec![Target::Item(definer)],
                Target::Module(at) if name == "super" => parent(at).map(Target::Module).into_iter().collect(),
                Target::Module(at) => match self.lookup(at, name, seen) {
                    // Generated code defines it.
                    found if found.is_empty() => vec![Target::Item(at)],
                    found => found,
                },
            };
            targets = targets.into_iter().flat_map(next).collect();
        }
        targets
    }

    /// What a name stands for in a module: a module and an item may share it.
    fn lookup(&self, at: usize, name: &str, seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
        let module = &self.modules[at];
        let mut targets = Vec::new();
        targets.extend(module.children.get(name).map(|child| Target::Module(*child)));
        targets.extend(module.scan.items.contains(name).then_some(Target::Item(at)));
        // `use retry::retry` starts from the module of the same name.
        if !seen.insert((at, name.to_owned())) {
            return targets;
        }
        for import in module.scan.imports.iter().filter(|import| import.name == name) {
            targets.extend(self.resolve(at, &import.path, seen));
        }
        for import in module.scan.imports.iter().filter(|import| import.name == "*") {
            for target in self.resolve(at, &import.path, seen) {
                let Target::Module(source) = target else { continue };
                targets.extend(self.lookup(source, name, seen));
            }
        }
        seen.remove(&(at, name.to_owned()));
        targets
    }
}

/// Every Rust file in these folders with its text, by path.
pub fn files_under(folders: &[&str]) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder is readable") {
            let path = entry.expect("a directory entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("a path in the workspace").display().to_string();
                files.insert(name, fs::read_to_string(path).expect("a source file is readable"));
            }
        }
    }
    files
}

fn is_root(file: &str) -> bool {
    file.ends_with("src/lib.rs") || file.starts_with("src/bin/")
}
