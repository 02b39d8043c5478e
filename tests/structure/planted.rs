//! Made-up sources: wrong imports and circles are found however they are written, and right imports pass.

use crate::circles::{circles, describe};
use crate::diagram::Diagram;
use crate::rules::{crates_outside_the_core, imports_between_siblings};
use crate::workspace::Workspace;
use std::collections::BTreeMap;

const DIAGRAM: &str = "
```mermaid
flowchart TD
    bin[bin/*] --> lambda & engine & cli & simulators[crates/simulators]
    lambda & engine & cli --> store[store/*] & platform[platform/*] --> rotation --> secret
    engine --> plugin[crates/openbao-plugin]
    store & platform --> loopback
```
";

const FILES: [(&str, &str); 25] = [
    (
        "src/lib.rs",
        "pub mod cli; pub mod engine; pub mod lambda; mod loopback; pub mod platform; pub mod rotation; pub mod secret; pub mod store;",
    ),
    ("src/bin/rotator.rs", "use genesys_rotator::cli::run; use simulators::Simulation;"),
    ("src/cli/mod.rs", "pub fn run() {}"),
    ("src/engine/mod.rs", "use openbao_plugin::Backend; pub struct Mount;"),
    ("src/lambda/mod.rs", "pub struct Event;"),
    ("src/loopback.rs", "pub fn is_loopback() {}"),
    (
        "src/platform/mod.rs",
        "mod cxone; mod genesys_cloud; mod http; pub use genesys_cloud::Region; pub struct Platforms(Region);",
    ),
    ("src/platform/http.rs", "pub fn send() {}"),
    ("src/platform/genesys_cloud.rs", "use super::http::send; pub struct Region;"),
    ("src/platform/cxone.rs", "pub struct Cxone;"),
    (
        "src/rotation/mod.rs",
        "mod error; mod retry; mod step; pub use error::*; pub use retry::retry; pub use step::Step;",
    ),
    ("src/rotation/error.rs", "pub enum ErrorKind { Denied }"),
    ("src/rotation/retry.rs", "pub fn retry() { super::ErrorKind::Denied; }"),
    ("src/rotation/step.rs", "use super::{ErrorKind, retry}; pub struct Step;"),
    ("src/secret.rs", "pub struct SecretString;"),
    ("src/store/mod.rs", "pub mod file; pub mod memory; pub const LIMIT: u8 = 1;"),
    ("src/store/file.rs", "use crate::rotation::Step; use super::LIMIT; pub struct FileStore;"),
    ("src/store/memory.rs", "use crate::secret::SecretString; pub struct MemoryStore;"),
    ("crates/openbao-plugin/src/lib.rs", "pub mod framework; mod logical; pub use logical::Backend;"),
    ("crates/openbao-plugin/src/framework.rs", "use crate::Backend; pub struct Router;"),
    ("crates/openbao-plugin/src/logical.rs", "pub trait Backend {}"),
    (
        "crates/simulators/src/lib.rs",
        "mod cxone; mod genesys; pub mod http; mod simulation; pub use simulation::Simulation;",
    ),
    ("crates/simulators/src/http.rs", "pub struct Reply;"),
    ("crates/simulators/src/genesys/mod.rs", "use crate::http::Reply; pub struct Genesys;"),
    ("crates/simulators/src/cxone.rs", "pub struct Cxone;"),
];
const SIMULATION: (&str, &str) =
    ("crates/simulators/src/simulation.rs", "use crate::genesys::Genesys; pub struct Simulation;");

/// The made-up workspace with `code` added to one file.
fn workspace(file: &str, code: &str) -> Workspace {
    let mut sources: BTreeMap<_, _> =
        FILES.into_iter().chain([SIMULATION]).map(|(file, code)| (file.to_owned(), code.to_owned())).collect();
    sources.get_mut(file).unwrap_or_else(|| panic!("{file} is not in the workspace")).push_str(code);
    Workspace::of(sources)
}

fn wrong_imports(file: &str, code: &str) -> Vec<String> {
    let workspace = workspace(file, code);
    let imports = workspace.imports();
    let mut wrong = Diagram::of(DIAGRAM).violations(&imports);
    wrong.extend(imports_between_siblings(&imports));
    wrong.extend(crates_outside_the_core(&workspace.external_crates()));
    wrong
}

#[test]
fn the_made_up_workspace_passes() {
    assert_eq!(wrong_imports("src/lib.rs", ""), [""; 0]);
    assert!(circles(&workspace("src/lib.rs", "").imports()).is_empty());
}

#[test]
fn wrong_imports_are_found() {
    for (file, code) in [
        ("src/rotation/step.rs", "use crate::platform::Platforms;"),
        ("src/rotation/step.rs", "use crate::platform;\n fn f() { platform::Platforms; }"),
        ("src/rotation/step.rs", "use reqwest::Client;"),
        ("src/rotation/step.rs", "fn f() { let client = reqwest::Client::new(); }"),
        ("src/rotation/mod.rs", "use super::store::file::FileStore;"),
        ("src/rotation/step.rs", "fn f() { let x = crate::store::memory::MemoryStore::new(); }"),
        ("src/rotation/step.rs", "fn f() { debug_assert!(crate::store::memory::MemoryStore::new().is_ok()); }"),
        ("src/rotation/step.rs", "fn f() { use crate::store::memory::MemoryStore; }"),
        ("src/rotation/step.rs", "mod inner { use super::super::super::lambda::Event; }"),
        ("src/rotation/step.rs", "#[derive(crate::lambda::Event)] struct A;"),
        ("src/rotation/step.rs", "pub(crate) use super::super::lambda::Event; fn f(event: Event) {}"),
        ("src/secret.rs", "use crate::{\n    rotation::{Step, retry},\n};"),
        ("src/secret.rs", "use crate::rotation::Step as Stage;"),
        ("src/cli/mod.rs", "use simulators::{Simulation};"),
        ("src/cli/mod.rs", "use crate::lambda::Event;"),
        ("src/lambda/mod.rs", "use simulators::Simulation;"),
        ("src/lambda/mod.rs", "use crate::cli::run;"),
        ("src/lambda/mod.rs", "use openbao_plugin::Backend;"),
        ("src/engine/mod.rs", "use crate::cli::run;"),
        ("src/platform/http.rs", "use crate::store::memory::MemoryStore;"),
        ("src/platform/http.rs", "use super::genesys_cloud::Region;"),
        ("src/platform/http.rs", "use super::Region;"),
        ("src/platform/cxone.rs", "use super::genesys_cloud::Region;"),
        ("src/platform/cxone.rs", "fn f() -> super::Region {}"),
        ("src/store/file.rs", "use super::memory::MemoryStore;"),
        ("src/store/file.rs", "use crate::{secret::SecretString, store::{memory::{MemoryStore}}};"),
        ("src/store/file.rs", "use simulators::Simulation;"),
        ("crates/simulators/src/http.rs", "use crate::genesys::Genesys;"),
        ("crates/simulators/src/genesys/mod.rs", "use genesys_rotator::secret::SecretString;"),
        ("crates/simulators/src/genesys/mod.rs", "use openbao_plugin::Backend;"),
        ("crates/simulators/src/genesys/mod.rs", "use super::cxone::Cxone;"),
        ("crates/openbao-plugin/src/logical.rs", "use genesys_rotator::rotation::Step;"),
        ("crates/openbao-plugin/src/logical.rs", "use simulators::Simulation;"),
    ] {
        assert!(!wrong_imports(file, code).is_empty(), "not found in {file}: {code}");
    }
}

#[test]
fn right_imports_pass() {
    for (file, code) in [
        ("src/rotation/step.rs", "use crate::secret::SecretString;"),
        ("src/rotation/step.rs", "// use crate::platform::Platforms;"),
        ("src/rotation/step.rs", "const TARGET: &str = \"crate::platform::Platforms\";"),
        ("src/rotation/step.rs", "#[cfg(test)] mod tests { use crate::store::memory::MemoryStore; }"),
        ("src/rotation/step.rs", "#[cfg(test)] use crate::store::memory::MemoryStore;"),
        ("src/rotation/step.rs", "impl Step { #[cfg(test)] fn f() { crate::store::LIMIT; } }"),
        ("src/rotation/step.rs", "struct A { reqwest: u8 }"),
        ("src/store/file.rs", "use crate::loopback::is_loopback;"),
        ("src/cli/mod.rs", "use crate::rotation::{self, Step}; fn f() { rotation::retry(); }"),
        ("src/bin/rotator.rs", "use genesys_rotator::lambda::Event;"),
        ("crates/simulators/src/simulation.rs", "use crate::cxone::Cxone;"),
    ] {
        assert_eq!(wrong_imports(file, code), [""; 0], "{file}: {code}");
    }
}

#[test]
fn circles_are_found() {
    for (file, code) in [
        ("src/rotation/error.rs", "use super::step::Step;"),
        ("src/rotation/error.rs", "use crate::rotation::Step;"),
        ("src/rotation/error.rs", "use crate::rotation; fn f(step: rotation::Step) {}"),
        ("src/rotation/error.rs", "fn f() { super::retry(); }"),
        ("src/rotation/error.rs", "use super::*; fn f(step: Step) {}"),
        ("src/store/mod.rs", "use file::FileStore;"),
        ("src/store/mod.rs", "pub use file::FileStore; fn f(store: FileStore) {}"),
        ("src/store/mod.rs", "fn f() { file::FileStore::open(); }"),
        ("crates/openbao-plugin/src/logical.rs", "use crate::framework::Router;"),
    ] {
        let circles = circles(&workspace(file, code).imports());
        assert!(circles.contains_key(file), "not found in {file}: {code}");
    }
}

#[test]
fn circles_of_the_diagram_are_found() {
    let diagram = Diagram::of("```mermaid\nflowchart TD\n    a --> b & c\n    c --> d[path/*] --> a\n```");
    assert_eq!(diagram.circles(), ["a", "c", "path"]);
    assert_eq!(Diagram::of(DIAGRAM).circles(), [""; 0]);
}

#[test]
fn composing_is_no_circle() {
    for (file, code) in [
        ("src/store/mod.rs", "pub use file::FileStore; pub(crate) use memory::MemoryStore;"),
        ("src/rotation/mod.rs", "pub struct Rotator { retry: u8 }"),
        ("src/rotation/error.rs", "use self::ErrorKind::Denied; fn f() { ErrorKind::Denied; }"),
        ("src/rotation/error.rs", "#[cfg(test)] mod tests { use super::super::Step; }"),
    ] {
        let imports = workspace(file, code).imports();
        assert_eq!(describe(circles(&imports).values(), &imports), "", "{file}: {code}");
    }
}

#[test]
fn a_circle_is_shown_as_its_files_and_the_names_that_they_import() {
    let imports = workspace("src/rotation/error.rs", "use super::Step;").imports();
    let shown = describe(circles(&imports).values(), &imports);
    assert!(shown.contains("src/rotation/error.rs → src/rotation/step.rs (Step)"), "{shown}");
    assert!(shown.contains("src/rotation/step.rs → src/rotation/error.rs (ErrorKind)"), "{shown}");
}
