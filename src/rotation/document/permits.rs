//! The lists with which a secret restricts what documents of other secrets may do with its credentials.

use std::path::{Component, Path, PathBuf};

use super::fields::{Document, invalid};
use crate::rotation::error::Result;
use crate::rotation::version::labels::Description;

/// The ids that the credentials may renew: of OAuth clients, or of users with access keys.
const ROTATES: &str = "rotates";
/// The secrets whose documents may use the credentials.
const USED_BY: &str = "used_by";

impl Document {
    /// Checks that `rotates` lists every id.
    ///
    /// # Errors
    /// `DocumentInvalid` if the list is missing or malformed, or an id is not in it.
    pub(crate) fn permit_renewal(&self, ids: &[&str]) -> Result<()> {
        let listed = self.permits(ROTATES)?.unwrap_or_default();
        let missing: Vec<_> =
            ids.iter().filter(|id| !listed.iter().any(|listed| listed == *id)).map(|id| format!("{id:?}")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        Err(invalid(format!("its list rotates does not contain {missing}")).with_hint(format!(
            r#"add {missing} to "rotates" in that secret: the ids of the clients, or of the users with access keys, that its credentials may renew"#
        )))
    }

    /// Checks that `used_by`, if there is one, lists the secret `user`. `folder` is that of this document's file.
    ///
    /// # Errors
    /// `DocumentInvalid` if the list is malformed, or the secret is not in it.
    pub(crate) fn permit_use(&self, user: &Description, folder: Option<&Path>) -> Result<()> {
        let Some(listed) = self.permits(USED_BY)? else { return Ok(()) };
        let resolved = |entry: &String| folder.map_or_else(|| entry.clone(), |folder| resolve(folder, entry));
        if listed.iter().map(resolved).any(|entry| user.matches(&entry)) {
            return Ok(());
        }
        let name = format!("{:?}", user.name);
        Err(invalid(format!("its list used_by does not contain {name}")).with_hint(format!(
            r#"add {name} to "used_by" in that secret if this document may use its credentials, or name another secret"#
        )))
    }

    /// Returns whether the document restricts what others do with its credentials: it is not read for its token.
    #[cfg(feature = "operator")]
    pub(super) fn lends_credentials(&self) -> bool {
        self.json(ROTATES).is_some() || self.json(USED_BY).is_some()
    }

    /// Returns whether the document has the list `used_by`.
    #[cfg(feature = "operator")]
    pub(crate) fn restricts_use(&self) -> bool {
        self.json(USED_BY).is_some()
    }

    fn permits(&self, field: &str) -> Result<Option<Vec<String>>> {
        let listed: Option<Vec<String>> = self.value(field, "a list of strings")?;
        for (index, entry) in listed.iter().flatten().enumerate() {
            let pattern = if field == USED_BY { entry.strip_suffix('*').unwrap_or(entry) } else { entry };
            let wrong = match () {
                () if entry.is_empty() => "is empty",
                () if entry.trim() != entry => "has leading or trailing whitespace",
                () if pattern.contains('*') && field == USED_BY => "has a * that is not at its end",
                () if pattern.contains('*') => "is a pattern; list each id",
                () => continue,
            };
            // An entry is not quoted: someone may have pasted anything there.
            return Err(invalid(format!("entry {} of {field} {wrong}", index + 1))
                .with_hint(format!("correct the list {field} in that secret")));
        }
        Ok(listed)
    }
}

/// Returns the absolute path of an entry, without `.` and `..`. The folder has no symbolic links.
fn resolve(folder: &Path, entry: &str) -> String {
    let mut path = PathBuf::new();
    for part in folder.join(entry).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::secret::SecretString;

    fn document(field: &str, list: &Value) -> Document {
        Document::parse(&SecretString::from(json!({field: list}).to_string())).expect("a document")
    }

    #[test]
    fn paths_in_used_by_are_relative_to_the_folder_of_their_document() {
        let user = Description { name: "/etc/tokens/app/token.json".to_owned(), ..Description::default() };
        for (entry, is_permitted) in [
            ("/etc/tokens/app/token.json", true),
            ("app/token.json", true),
            ("./app/../app/token.json", true),
            ("app/*", true),
            ("app*", true),
            ("*", true),
            ("/etc/*", true),
            ("token.json", false),
            ("../app/token.json", false),
            ("../tokens/app/token.json", true),
            ("other/*", false),
            ("app/", false),
            ("/app/token.json", false),
        ] {
            let permitted = document("used_by", &json!([entry])).permit_use(&user, Some(Path::new("/etc/tokens")));
            assert_eq!(permitted.is_ok(), is_permitted, "{entry}");
        }
        let evil = Description { name: "/etc/tokens/app-evil/token.json".to_owned(), ..Description::default() };
        let list = document("used_by", &json!(["app/*"]));
        assert!(list.permit_use(&evil, Some(Path::new("/etc/tokens"))).is_err());
    }

    #[test]
    #[cfg(feature = "operator")]
    fn only_used_by_restricts_the_use_of_credentials() {
        assert!(document("used_by", &json!([])).restricts_use());
        assert!(!document("rotates", &json!([])).restricts_use());
    }

    #[test]
    fn names_and_arns_in_used_by_match_with_and_without_the_suffix() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/token-AbCdEf";
        let user = Description { name: "team/token".to_owned(), arn: Some(arn.to_owned()), ..Description::default() };
        for (entry, is_permitted) in [
            ("team/token", true),
            ("team/*", true),
            (arn, true),
            (arn.trim_end_matches("-AbCdEf"), true),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/*", true),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/tok", false),
            ("arn:aws:secretsmanager:eu-west-1:999999999999:secret:team/*", false),
            // Every ARN starts with this letter, but no name of this secret does.
            ("a*", false),
            ("team/toke", false),
            ("Team/Token", false),
        ] {
            let permitted = document("used_by", &json!([entry])).permit_use(&user, None);
            assert_eq!(permitted.is_ok(), is_permitted, "{entry}");
        }
    }
}
