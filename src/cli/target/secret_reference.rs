//! How a secret is written on the command line.

use crate::cli::exit::CommandFailure;
use crate::rotation::SecretId;

const FORMS: &str = "write aws:NAME_OR_ARN (or the bare name), vault:MOUNT/PATH, or file:PATH";

/// A secret as the user named it, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// What the user wrote.
    pub typed: String,
    /// The store.
    pub store: StoreKind,
    /// The secret's id in that store.
    pub id: SecretId,
}

/// The stores that a secret can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// AWS Secrets Manager.
    Aws,
    /// A file on this machine.
    File,
    /// KV version 2 of Vault or OpenBao.
    Vault,
}

impl StoreKind {
    /// Whether the steps always run in this process, because no service drives them.
    pub(crate) fn is_driven_here(self) -> bool {
        self != Self::Aws
    }
}

impl SecretReference {
    /// Reads `aws:NAME_OR_ARN`, a bare name or ARN, `vault:MOUNT/PATH`, or `file:PATH`.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for any other form.
    pub fn parse(typed: &str) -> Result<Self, CommandFailure> {
        let (store, id) = match typed.split_once(':') {
            Some(("aws", id)) => (StoreKind::Aws, aws_id(id)?),
            Some(("file", path)) => (StoreKind::File, file_path(path)?),
            Some(("arn", _)) | None => (StoreKind::Aws, aws_id(typed)?),
            Some(("vault", path)) => (StoreKind::Vault, vault_path(path)?),
            Some((scheme, _)) => {
                let message = format!("{typed}: {scheme}: is no store that is known");
                return Err(CommandFailure::usage(message, FORMS));
            }
        };
        Ok(Self { typed: typed.to_owned(), store, id: SecretId::new(id) })
    }

    /// Reads several, each of which counts once.
    ///
    /// # Errors
    /// As for one.
    pub fn parse_all(typed: &[String]) -> Result<Vec<Self>, CommandFailure> {
        let mut secrets: Vec<Self> = Vec::new();
        for text in typed {
            let secret = Self::parse(text)?;
            if !secrets.iter().any(|known| (known.store, &known.id) == (secret.store, &secret.id)) {
                secrets.push(secret);
            }
        }
        Ok(secrets)
    }

    /// A secret that Secrets Manager listed.
    pub fn listed(id: SecretId) -> Self {
        Self { typed: id.as_str().to_owned(), store: StoreKind::Aws, id }
    }
}

/// Names as the Secrets Manager API reference allows them (`CreateSecret`, `Name`).
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
        "the secret's name is empty".to_owned()
    } else {
        format!("{id:?} cannot be the name of a secret")
    };
    Err(CommandFailure::usage(message, format!("{FORMS}; a name has letters, digits and /_+=.@-")))
}

fn file_path(path: &str) -> Result<&str, CommandFailure> {
    if path.is_empty() {
        return Err(CommandFailure::usage("file: names no path", FORMS));
    }
    Ok(path)
}

/// A path as the KV engine takes it; the mount is its beginning.
fn vault_path(path: &str) -> Result<&str, CommandFailure> {
    let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
    if !path.contains('/') || path.split('/').any(bad) {
        let message = format!("vault:{} is not vault:MOUNT/PATH", path.escape_debug());
        return Err(CommandFailure::usage(message, "write it as vault:secret/team/genesys, without the API's data/"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/genesys-AbCdEf";

    #[test]
    fn each_form_names_its_store() {
        let rows = [
            ("prod/genesys", StoreKind::Aws, "prod/genesys"),
            ("aws:prod/genesys", StoreKind::Aws, "prod/genesys"),
            (ARN, StoreKind::Aws, ARN),
            (
                "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x",
                StoreKind::Aws,
                "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x",
            ),
            ("file:token.json", StoreKind::File, "token.json"),
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
    fn any_other_form_is_explained() {
        let rows = [
            ("vault:", "is not vault:MOUNT/PATH"),
            ("vault:secret", "is not vault:MOUNT/PATH"),
            ("vault:/secret/genesys", "is not vault:MOUNT/PATH"),
            ("vault:secret/genesys/", "is not vault:MOUNT/PATH"),
            ("vault:secret/../sys/mounts", "is not vault:MOUNT/PATH"),
            ("vault:secret/a\nb", "is not vault:MOUNT/PATH"),
            ("gcp:genesys", "is no store that is known"),
            ("prod:genesys", "is no store that is known"),
            ("", "is empty"),
            ("aws:", "is empty"),
            ("file:", "names no path"),
            ("my secret", "cannot be the name"),
            ("aws:a:b", "cannot be the name"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:rotate", "is not the ARN of a secret"),
            ("aws:arn:aws:secretsmanager", "is not the ARN of a secret"),
        ];
        for (typed, words) in rows {
            let failure = SecretReference::parse(typed).expect_err(typed);
            assert!(failure.message.contains(words), "{typed}: {}", failure.message);
            assert!(!failure.hint.is_empty());
        }
    }

    #[test]
    fn a_secret_named_twice_counts_once() {
        let typed = ["a", "aws:a", "file:a", "b", "a"].map(str::to_owned);
        let secrets = SecretReference::parse_all(&typed).expect("all are valid");
        assert_eq!(secrets.iter().map(|secret| secret.typed.as_str()).collect::<Vec<_>>(), ["a", "file:a", "b"]);
    }
}
