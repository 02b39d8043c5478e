//! The public API, compared with `public-api.txt`. A removed or changed line is a breaking change, and needs a new
//! version and a line in the CHANGELOG.

use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, Signature, TraitItem, Visibility};

const DIRECTORY: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_public_api_is_the_recorded_one() {
    let mut lines = Vec::new();
    list_file(&Path::new(DIRECTORY).join("src/lib.rs"), "", &mut lines);
    lines.sort();
    lines.dedup();
    let found = lines.join("\n") + "\n";
    let recorded = fs::read_to_string(Path::new(DIRECTORY).join("public-api.txt")).unwrap_or_default();
    if found == recorded {
        return;
    }
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-api.txt");
    fs::write(&written, &found).expect("the target directory is writable");
    let difference = |from: &str, than: &str, sign: &str| -> String {
        let is_missing = |line: &&str| !than.lines().any(|other| other == *line);
        from.lines().filter(is_missing).map(|line| format!("{sign} {line}\n")).collect()
    };
    panic!(
        "the public API has changed:\n{}{}copy {} to public-api.txt",
        difference(&recorded, &found, "-"),
        difference(&found, &recorded, "+"),
        written.display()
    );
}

/// The declared minimum version of Rust is the one that all tests run with.
#[test]
fn the_minimum_version_of_rust_is_the_one_of_the_tests() {
    let workspace = Path::new(DIRECTORY).join("../..");
    let value = |file: &str, name: &str| {
        let text = fs::read_to_string(workspace.join(file)).expect("the workspace has this file");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        line.expect("the file has this setting").trim().trim_matches('"').to_owned()
    };
    let (declared, tested) = (value("Cargo.toml", "rust-version"), value("rust-toolchain.toml", "channel"));
    assert!(tested == declared || tested == format!("{declared}.0"), "{declared} is declared, and {tested} is tested");
}

/// Lists the public items of a file and of its modules. Generated code and tests are no part of the API.
fn list_file(file: &Path, module: &str, lines: &mut Vec<String>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let directory = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "mod") | None => file.with_file_name(""),
        Some(name) => file.with_file_name(name),
    };
    for item in parsed.items {
        match item {
            Item::Mod(inner) if inner.content.is_none() && !is_test(&inner.attrs) && inner.ident != "proto" => {
                let name = inner.ident.to_string();
                let paths = [directory.join(format!("{name}.rs")), directory.join(&name).join("mod.rs")];
                let path = paths.iter().find(|path| path.exists()).expect("the module has a file");
                list_file(path, &format!("{module}{name}::"), lines);
            }
            other => list_item(other, lines),
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.to_token_stream().to_string() == "# [cfg (test)]")
}

fn list_item(item: Item, lines: &mut Vec<String>) {
    match item {
        Item::Fn(function) if is_public(&function.vis) => lines.push(signature(&function.sig)),
        Item::Type(alias) if is_public(&alias.vis) => {
            lines.push(format!("type {} = {}", alias.ident, spelled(&alias.ty)));
        }
        Item::Const(constant) if is_public(&constant.vis) => {
            lines.push(format!("const {}: {}", constant.ident, spelled(&constant.ty)));
        }
        Item::Struct(structure) if is_public(&structure.vis) => {
            let name = format!("{}{}", structure.ident, spelled(&structure.generics));
            lines.push(format!("struct {name}{}", exhaustiveness(&structure.attrs)));
            list_fields(&name, &structure.fields, lines);
        }
        Item::Enum(enumeration) if is_public(&enumeration.vis) => {
            let name = enumeration.ident.to_string();
            lines.push(format!("enum {name}{}", exhaustiveness(&enumeration.attrs)));
            lines.extend(
                enumeration
                    .variants
                    .iter()
                    .map(|variant| format!("{name}::{}({})", variant.ident, types_of(&variant.fields))),
            );
        }
        Item::Trait(definition) if is_public(&definition.vis) => {
            let name = definition.ident.to_string();
            lines.push(format!("trait {name}: {}", spelled(&definition.supertraits)));
            for item in definition.items {
                match item {
                    TraitItem::Fn(function) => {
                        let default = if function.default.is_some() { " { … }" } else { "" };
                        lines.push(format!("{name}::{}{default}", signature(&function.sig)));
                    }
                    TraitItem::Type(kind) => {
                        lines.push(format!("{name}::type {}: {}", kind.ident, spelled(&kind.bounds)));
                    }
                    _ => {}
                }
            }
        }
        Item::Impl(block) if block.trait_.is_none() => {
            let name = spelled(&block.self_ty);
            let functions = block.items.into_iter().filter_map(|item| match item {
                ImplItem::Fn(function) if is_public(&function.vis) => Some(function.sig),
                _ => None,
            });
            lines.extend(functions.map(|sig| format!("{name}::{}", signature(&sig))));
        }
        _ => {}
    }
}

fn list_fields(name: &str, fields: &Fields, lines: &mut Vec<String>) {
    for field in fields.iter().filter(|field| is_public(&field.vis)) {
        let label = field.ident.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
        lines.push(format!("{name}.{label}: {}", spelled(&field.ty)));
    }
}

fn types_of(fields: &Fields) -> String {
    let label = |field: &syn::Field| field.ident.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    fields.iter().map(|field| label(field) + &spelled(&field.ty)).collect::<Vec<_>>().join(", ")
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn exhaustiveness(attributes: &[syn::Attribute]) -> &'static str {
    let is_open = attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
    if is_open { " (non-exhaustive)" } else { "" }
}

fn signature(signature: &Signature) -> String {
    spelled(signature)
}

/// The tokens without the spaces that `quote` adds.
fn spelled(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let tight = [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" (", "("),
        (" :", ":"),
    ];
    tight.iter().fold(text, |text, (from, to)| text.replace(from, to)).replace("->", " ->").replace("  ->", " ->")
}
