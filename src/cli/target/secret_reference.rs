//! References to secrets on the command line.

use super::accounts::{Place, parse_region};
use crate::cli::exit::CommandFailure;
use crate::rotation::SecretId;
use crate::store::aws::sdk_config::AwsAccess;

const FORMS: &str = "use aws:NAME_OR_ARN (or the bare name), vault:MOUNT/PATH or file:PATH";

/// A secret that the user named, and its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// The reference as the user wrote it.
    pub typed: String,
    /// The store.
    pub store: StoreKind,
    /// The secret's id in that store.
    pub id: SecretId,
    /// The account and region of a secret of Secrets Manager.
    pub access: AwsAccess,
}

/// The stores of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// AWS Secrets Manager.
    Aws,
    /// A local file.
    File,
    /// KV version 2 of Vault or OpenBao.
    Vault,
}

impl StoreKind {
    /// Whether the steps always run in this process because no service runs them.
    pub(crate) fn is_driven_here(self) -> bool {
        self != Self::Aws
    }
}

impl SecretReference {
    /// Parses `aws:NAME_OR_ARN`, a bare name or ARN, `vault:MOUNT/PATH`, or `file:PATH`.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for any other form.
    pub fn parse(typed: &str) -> Result<Self, CommandFailure> {
        let mut access = AwsAccess::default();
        let (store, id) = match typed.split_once(':') {
            Some(("aws", id)) => (StoreKind::Aws, aws_id(id)?),
            Some(("file", path)) => {
                return Ok(Self { typed: typed.to_owned(), store: StoreKind::File, id: file_id(path)?, access });
            }
            Some(("arn", _)) => (StoreKind::Aws, aws_id(typed)?),
            None if is_file(typed) => return Err(ambiguous(typed)),
            None => (StoreKind::Aws, aws_id(typed)?),
            Some(("vault", path)) => (StoreKind::Vault, vault_path(path)?),
            Some((scheme, _)) => {
                let message = format!("{typed}: unknown store {scheme}:");
                return Err(CommandFailure::usage(message, FORMS));
            }
        };
        if store == StoreKind::Aws {
            access.region = region_of(id).map(str::to_owned);
        }
        Ok(Self { typed: typed.to_owned(), store, id: SecretId::new(id), access })
    }

    /// A secret from a `ListSecrets` response, in a place whose label precedes its name.
    pub fn listed(id: SecretId, place: &Place) -> Self {
        Self { typed: place.label(id.as_str()), store: StoreKind::Aws, id, access: place.access.clone() }
    }

    /// Text that tells the secret from every other one, also if the user or an inventory names it differently.
    pub fn key(&self) -> String {
        let AwsAccess { profile, role_arn, region } = &self.access;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{:?} {} {} {} {}", self.store, part(profile), part(role_arn), part(region), self.id)
    }

    /// A secret of a folder.
    pub fn in_folder(store: StoreKind, id: SecretId) -> Self {
        let scheme = if store == StoreKind::Vault { "vault" } else { "file" };
        Self { typed: format!("{scheme}:{id}"), store, id, access: AwsAccess::default() }
    }

    /// Returns the secret of that name in each place; an ARN names its region, and a secret of another store is the same
    /// everywhere.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for an ARN in a region or in several accounts that the places do not name.
    pub fn in_places(self, places: &[Place]) -> Result<Vec<Self>, CommandFailure> {
        if self.store != StoreKind::Aws {
            return Ok(vec![self]);
        }
        let at = |place: &Place| {
            let region = place.access.region.clone().or_else(|| self.access.region.clone());
            let access = AwsAccess { region, ..place.access.clone() };
            Self { typed: place.label(&self.typed), access, ..self.clone() }
        };
        let is_there = |place: &&Place| match (&self.access.region, &place.access.region) {
            (Some(own), Some(region)) => own == region,
            _ => true,
        };
        let found: Vec<_> = places.iter().filter(is_there).map(at).collect();
        if self.access.region.is_none() || found.len() == 1 {
            return Ok(found);
        }
        let message = format!("{} names its account and region, and the options name others", self.typed);
        Err(CommandFailure::usage(
            message,
            "name the secret, or name one account by --profile, --account or --role-arn",
        ))
    }
}

/// Whether a bare name looks like a file's, and the file exists.
fn is_file(typed: &str) -> bool {
    let path = std::path::Path::new(typed);
    let is_like_a_path = typed.starts_with(['/', '.']) || path.extension().is_some_and(|extension| extension == "json");
    is_like_a_path && path.is_file()
}

fn ambiguous(typed: &str) -> CommandFailure {
    let message = format!("{typed} is a file, and a bare name is a secret of Secrets Manager");
    CommandFailure::usage(message, format!("use file:{typed}, or aws:{typed} for the secret of that name"))
}

/// The region of an ARN; `None` for a name.
fn region_of(id: &str) -> Option<&str> {
    id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).filter(|region| parse_region(region).is_ok())
}

/// Accepts the names that Secrets Manager accepts (API reference, `CreateSecret`, `Name`) and ARNs.
fn aws_id(id: &str) -> Result<&str, CommandFailure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
    let name = match id.strip_prefix("arn:") {
        None => id,
        Some(_) => match id.splitn(7, ':').collect::<Vec<_>>()[..] {
            ["arn", _, "secretsmanager", _, _, "secret", name] => name,
            _ => {
                let hint = "a secret's ARN looks like arn:aws:secretsmanager:eu-west-1:123456789012:secret:NAME-AbCdEf";
                return Err(CommandFailure::usage(format!("{id} is not the ARN of a secret"), hint));
            }
        },
    };
    if !name.is_empty() && name.chars().all(allowed) {
        return Ok(id);
    }
    let message = if name.is_empty() {
        "the secret name is empty".to_owned()
    } else {
        format!("{id:?} is not a valid secret name")
    };
    Err(CommandFailure::usage(message, format!("{FORMS}; a name consists of letters, digits and /_+=.@-")))
}

/// The absolute path: a relative path in the document is relative to the document, not to the working directory.
fn file_id(path: &str) -> Result<SecretId, CommandFailure> {
    if path.is_empty() {
        return Err(CommandFailure::usage("the path after file: is empty", FORMS));
    }
    let absolute = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    absolute.map(SecretId::new).ok_or_else(|| {
        let message =
            format!("{path} is a relative path, and the path of the working directory is unknown or not UTF-8");
        CommandFailure::usage(message, "use an absolute path after file:")
    })
}

/// A path that starts with the mount of the KV engine.
fn vault_path(path: &str) -> Result<&str, CommandFailure> {
    let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
    if !path.contains('/') || path.split('/').any(bad) {
        let message = format!("vault:{} is not vault:MOUNT/PATH", path.escape_debug());
        return Err(CommandFailure::usage(
            message,
            "use a path such as vault:secret/team/genesys, without the data/ of the API path",
        ));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/genesys-AbCdEf";

    #[test]
    fn each_form_selects_its_store() {
        let rows = [
            ("prod/genesys", StoreKind::Aws, "prod/genesys"),
            ("aws:prod/genesys", StoreKind::Aws, "prod/genesys"),
            (ARN, StoreKind::Aws, ARN),
            (
                "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x",
                StoreKind::Aws,
                "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x",
            ),
            ("file:/a:b/token.json", StoreKind::File, "/a:b/token.json"),
            ("vault:secret/team/genesys", StoreKind::Vault, "secret/team/genesys"),
        ];
        for (typed, store, id) in rows {
            let secret = SecretReference::parse(typed).expect(typed);
            assert_eq!((secret.store, secret.id.as_str(), secret.typed.as_str()), (store, id, typed));
        }
        assert_eq!(SecretReference::parse(&format!("aws:{ARN}")).expect("an ARN").id.as_str(), ARN);
    }

    #[test]
    fn a_relative_path_of_a_file_is_relative_to_the_working_directory() {
        let secret = SecretReference::parse("file:./token.json").expect("a path");
        let expected = std::env::current_dir().expect("a working directory").join("token.json");
        assert_eq!((secret.store, secret.id.as_str()), (StoreKind::File, expected.to_str().expect("UTF-8")));
        assert_eq!(secret.typed, "file:./token.json");
    }

    #[test]
    fn other_forms_are_rejected() {
        let rows = [
            ("vault:", "is not vault:MOUNT/PATH"),
            ("vault:secret", "is not vault:MOUNT/PATH"),
            ("vault:/secret/genesys", "is not vault:MOUNT/PATH"),
            ("vault:secret/genesys/", "is not vault:MOUNT/PATH"),
            ("vault:secret/../sys/mounts", "is not vault:MOUNT/PATH"),
            ("vault:secret/a\nb", "is not vault:MOUNT/PATH"),
            ("gcp:genesys", "unknown store"),
            ("prod:genesys", "unknown store"),
            ("", "is empty"),
            ("aws:", "is empty"),
            ("file:", "is empty"),
            ("my secret", "is not a valid secret name"),
            ("aws:a:b", "is not a valid secret name"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:rotate", "is not the ARN of a secret"),
            ("aws:arn:aws:secretsmanager", "is not the ARN of a secret"),
        ];
        for (typed, words) in rows {
            let failure = SecretReference::parse(typed).expect_err(typed);
            assert!(failure.message.contains(words), "{typed}: {}", failure.message);
            assert!(!failure.hint.is_empty());
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_references_to_one_secret_are_accepted(
            typed in prop_oneof![any::<String>(), "(aws:|vault:|file:|arn:aws:secretsmanager:|)[a-z/.:@%\\n ]{0,12}"],
        ) {
            let Ok(secret) = SecretReference::parse(&typed) else { return Ok(()) };
            let id = secret.id.as_str();
            prop_assert!(!id.is_empty());
            match secret.store {
                StoreKind::File => prop_assert!(std::path::Path::new(id).is_absolute()),
                _ => prop_assert!(typed.ends_with(id)),
            }
            match secret.store {
                StoreKind::Aws => prop_assert!(id.chars().all(|letter| letter.is_ascii_graphic())),
                StoreKind::Vault => prop_assert!(id.split('/').all(|part| !part.is_empty() && part != "..") && id.contains('/')),
                StoreKind::File => {}
            }
            prop_assert_eq!(SecretReference::parse(&typed).ok(), Some(secret));
        }
    }
}
