//! The inventory of `--from`: the accounts, regions, filters and folders of a fleet.

use std::fs;
use std::path::Path;

use clap::Parser;
use serde::Deserialize;

use super::accounts::Place;
use super::secret_reference::{SecretReference, StoreKind};
use super::selection::Selection;
use super::source::Source;
use crate::cli::exit::CommandFailure;
use crate::cli::terminal::printable::one_line;

const HINT: &str = "an inventory has the list secrets, and entries [[aws]] with profiles, accounts, role_name, role_arns, regions, tags, \
     prefix, rotation_function, secrets";

/// An inventory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inventory {
    /// Secrets as on the command line; and folders of KV or files, which end with a slash.
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    aws: Vec<AwsEntry>,
}

/// Accounts and regions, with a filter or names. The fields are options of the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AwsEntry {
    profiles: Option<Vec<String>>,
    accounts: Option<Vec<String>>,
    role_name: Option<String>,
    role_arns: Option<Vec<String>>,
    regions: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    prefix: Option<String>,
    rotation_function: Option<String>,
    secrets: Option<Vec<String>>,
}

/// The grammar of an entry.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct EntryArguments {
    #[command(flatten)]
    selection: Selection,
    secrets: Vec<String>,
}

/// Reads an inventory. Relative paths of files are relative to its folder.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure if it cannot be read, is invalid, or names nothing.
pub(super) fn read(path: &Path) -> Result<Vec<Source>, CommandFailure> {
    let shown = path.display().to_string();
    let wrong = |why: String| CommandFailure::usage(format!("{shown}: {why}"), HINT);
    let text = fs::read_to_string(path).map_err(|error| wrong(format!("the inventory cannot be read: {error}")))?;
    let inventory: Inventory = toml::from_str(&text).map_err(|error| wrong(described(&error, &text)))?;
    let path = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let entries = inventory
        .aws
        .iter()
        .enumerate()
        .map(|(index, entry)| entry.parse().map_err(|why| wrong(format!("entry {} of aws: {why}", index + 1))));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let named = inventory.secrets.iter().map(|typed| source(typed, folder).map_err(|failure| wrong(failure.message)));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let mut places: Vec<_> = entries.iter().flat_map(|entry| entry.selection.accounts.places()).collect();
    if named.iter().any(|source| source.store() == StoreKind::Aws) {
        places.push(Place::default());
    }
    let is_alone = places.iter().all(|place| place.access == places[0].access);
    let mut sources = Vec::new();
    for entry in &entries {
        let found = entry.selection.sources(&entry.secrets, is_alone);
        sources.extend(found.map_err(|failure| wrong(failure.message))?);
    }
    sources.extend(named);
    match sources.is_empty() {
        true => Err(wrong("the inventory names no secret".to_owned())),
        false => Ok(sources),
    }
}

impl AwsEntry {
    /// Reads the entry as the arguments that it stands for.
    ///
    /// # Errors
    /// What the command line would say.
    fn parse(&self) -> Result<EntryArguments, String> {
        let lists = [
            ("profiles", "--profile", &self.profiles),
            ("accounts", "--account", &self.accounts),
            ("role_arns", "--role-arn", &self.role_arns),
            ("regions", "--region", &self.regions),
            ("tags", "--tag", &self.tags),
            ("secrets", "", &self.secrets),
        ];
        // An empty list would select the default account, or everything.
        if let Some((name, ..)) = lists.iter().find(|(_, _, list)| list.as_ref().is_some_and(Vec::is_empty)) {
            return Err(format!("the list {name} is empty"));
        }
        let has_filter = self.tags.is_some() || self.prefix.is_some() || self.rotation_function.is_some();
        let mut arguments = Vec::new();
        match &self.secrets {
            Some(_) if has_filter => {
                return Err("an entry has either secrets or tags, prefix and rotation_function".to_owned());
            }
            Some(named) => {
                let of_others = named
                    .iter()
                    .find(|typed| SecretReference::parse(typed).is_ok_and(|secret| secret.store != StoreKind::Aws));
                if let Some(typed) = of_others {
                    return Err(format!(
                        "{typed} is no secret of Secrets Manager: it belongs to secrets at the top of the file"
                    ));
                }
            }
            None => arguments.push("--all".to_owned()),
        }
        let single = [
            ("--role-name", &self.role_name),
            ("--prefix", &self.prefix),
            ("--rotation-function", &self.rotation_function),
        ];
        let repeated = lists.iter().filter(|(_, option, _)| !option.is_empty());
        let repeated =
            repeated.flat_map(|(_, option, values)| values.iter().flatten().map(move |value| (*option, value)));
        let single = single.into_iter().filter_map(|(option, value)| Some((option, value.as_ref()?)));
        arguments.extend(repeated.chain(single).map(|(option, value)| format!("{option}={value}")));
        arguments.push("--".to_owned());
        arguments.extend(self.secrets.iter().flatten().cloned());
        let message = |error: clap::Error| {
            let text = error.render().to_string();
            let first = one_line(text.split("\n\n").next().unwrap_or_default());
            first.strip_prefix("error: ").unwrap_or(&first).to_owned()
        };
        EntryArguments::try_parse_from(arguments).map_err(message)
    }
}

/// A secret, or with a slash at its end a folder of secrets.
fn source(typed: &str, folder: &Path) -> Result<Source, CommandFailure> {
    let absolute = typed.strip_prefix("file:").map(|path| format!("file:{}", folder.join(path).display()));
    let typed = absolute.as_deref().unwrap_or(typed);
    match typed.strip_suffix('/') {
        // A folder's name is valid if the name of a secret in it is.
        Some(within) => {
            let SecretReference { store, .. } = SecretReference::parse(&format!("{within}/any"))?;
            match typed.split_once(':') {
                Some((_, path)) if store != StoreKind::Aws => Ok(Source::Folder(store, path.to_owned())),
                _ => {
                    let message = format!("{typed} is no folder of KV or files");
                    Err(CommandFailure::usage(message, "use prefix in an entry of aws for secrets of Secrets Manager"))
                }
            }
        }
        None => SecretReference::parse(typed).map(Source::Named),
    }
}

/// The parser's message with its line. It never quotes the text.
fn described(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
    let line = line.map_or_else(String::new, |line| format!(" at line {line}"));
    format!("{}{line}", error.message().trim_end().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Source>, CommandFailure> {
        let folder = tempfile::TempDir::new().expect("a temporary directory can be created");
        let path = folder.path().join("fleet.toml");
        fs::write(&path, text).expect("the inventory is written");
        read(&path)
    }

    fn names(text: &str) -> Vec<String> {
        read_text(text).unwrap_or_else(|failure| panic!("{}", failure.message)).iter().map(Source::name).collect()
    }

    #[test]
    fn an_entry_stands_for_the_options_of_the_command_line() {
        let found = names(
            r#"
            secrets = ["vault:secret/genesys/", "file:/etc/genesys/", "genesys/local"]

            [[aws]]
            profiles = ["prod"]
            regions = ["eu-west-1", "us-east-1"]
            prefix = "genesys/"
            tags = ["team=cc", "rotated"]

            [[aws]]
            accounts = ["123456789012"]
            secrets = ["genesys/a", "genesys/b"]
            "#,
        );
        assert_eq!(
            found,
            [
                "prod/eu-west-1:genesys/* team=cc rotated",
                "prod/us-east-1:genesys/* team=cc rotated",
                "123456789012:genesys/a",
                "123456789012:genesys/b",
                "vault:secret/genesys/",
                "file:/etc/genesys/",
                "genesys/local",
            ]
        );
        let two = names("secrets = [\"genesys/a\"]\n[[aws]]\nprofiles = [\"prod\"]\nsecrets = [\"genesys/a\"]");
        assert_eq!(two, ["prod:genesys/a", "genesys/a"]);
        let alone = names("[[aws]]\nprofiles = [\"prod\"]\nsecrets = [\"genesys/a\"]");
        assert_eq!(alone, ["genesys/a"], "a single place is not named");
    }

    #[test]
    fn relative_paths_start_at_the_folder_of_the_inventory() {
        let [source] = &read_text(r#"secrets = ["file:tokens/a.json"]"#).expect("it is valid")[..] else {
            panic!("one source")
        };
        assert!(source.name().starts_with("file:/") && source.name().ends_with("/tokens/a.json"), "{}", source.name());
    }

    #[test]
    fn mistakes_name_the_file_and_the_place() {
        for (text, words) in [
            ("", "names no secret"),
            ("secrets = [", "at line 1"),
            ("\n\nsecret = [\"a\"]", "unknown field `secret`"),
            ("[[aws]]\nregion = \"eu-west-1\"", "unknown field `region`"),
            ("[[aws]]\nregions = \"eu-west-1\"", "at line 2"),
            ("[[aws]]\nprefix = \"x\"\n[[aws]]\ntags = [\"=x\"]", "entry 2 of aws: invalid value '=x' for '--tag"),
            ("[[aws]]\naccounts = [\"prod\"]", "12 digits"),
            ("[[aws]]\nprefix = \"--yes\"\nsecrets = [\"a\"]", "entry 1 of aws: an entry has either"),
            ("[[aws]]\naccounts = []\nprefix = \"a\"", "the list accounts is empty"),
            ("[[aws]]\nrole_name = \"x\"\nprefix = \"a\"", "--account"),
            ("[[aws]]\nsecrets = [\"file:a.json\"]", "no secret of Secrets Manager"),
            ("secrets = [\"genesys/\"]", "no folder"),
            ("secrets = [\"vault:secret\"]", "is not vault:MOUNT/PATH"),
        ] {
            let failure = read_text(text).expect_err(text);
            assert!(
                failure.message.contains("fleet.toml: ") && failure.message.contains(words),
                "{text}: {}",
                failure.message
            );
            assert!(!failure.message.contains('\n'), "{}", failure.message);
        }
        assert!(read(Path::new("/nonexistent/fleet.toml")).expect_err("no file").message.contains("cannot be read"));
    }
}
