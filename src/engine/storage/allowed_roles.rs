//! The roles that may use a config, as in the database engine: `*`, names, and names with `*` at the end.

use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// The name of the field.
pub(crate) const ALLOWED_ROLES: &str = "allowed_roles";
/// Matches the rest of a name.
const ANY: char = '*';

/// The roles and static roles that may use a config.
#[derive(Debug, PartialEq)]
pub(crate) struct AllowedRoles(Vec<String>);

impl AllowedRoles {
    /// Reads the field as it is stored, a JSON list. Without the field, every role is allowed. A list that cannot be
    /// parsed allows none.
    pub(crate) fn stored(text: Option<&str>) -> Self {
        Self(text.map_or_else(|| vec![ANY.to_string()], |text| serde_json::from_str(text).unwrap_or_default()))
    }

    /// Parses the items of a request.
    ///
    /// # Errors
    /// 400 for an item that matches no name.
    pub(crate) fn parse(items: Vec<String>) -> Result<Self, Failure> {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let is_valid = |item: &String| {
            let prefix = item.strip_suffix(ANY);
            prefix.unwrap_or(item).chars().all(is_letter) && !item.is_empty()
        };
        if items.iter().all(is_valid) {
            return Ok(Self(items));
        }
        let hint = "list names of roles, such as reports; * at the end matches any rest, such as reports-*";
        Err(refuse("allowed_roles has an item that matches no role's name", hint))
    }

    /// The items.
    pub(crate) fn items(&self) -> &[String] {
        &self.0
    }

    /// Whether every role may use the config.
    pub(crate) fn allows_all(&self) -> bool {
        self.0.iter().any(|item| *item == ANY.to_string())
    }

    /// Whether a role may use the config.
    pub(crate) fn contains(&self, role: &str) -> bool {
        self.0.iter().any(|item| match item.strip_suffix(ANY) {
            Some(prefix) => role.starts_with(prefix),
            None => item == role,
        })
    }

    /// Checks that a role may use the config.
    ///
    /// # Errors
    /// `ConfigurationInvalid` that names both.
    pub(crate) fn check(&self, config: &str, role: &str) -> Result<(), RotationError> {
        if self.contains(role) {
            return Ok(());
        }
        let message = format!("config/{config} does not allow the role {role:?}");
        let hint = format!("add the role to allowed_roles of config/{config}, or give the role another config");
        Err(RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_matches_a_name_or_a_prefix() {
        for (stored, role, expected) in [
            (None, "ci", true),
            (Some(r#"["*"]"#), "ci", true),
            (Some("[]"), "ci", false),
            (Some(r#"["ci"]"#), "ci", true),
            (Some(r#"["ci"]"#), "ci2", false),
            (Some(r#"["c"]"#), "ci", false),
            (Some(r#"["team-*","ci"]"#), "team-", true),
            (Some(r#"["team-*","ci"]"#), "team-a", true),
            (Some(r#"["team-*","ci"]"#), "team", false),
            (Some("damaged"), "ci", false),
        ] {
            assert_eq!(AllowedRoles::stored(stored).contains(role), expected, "{stored:?} {role}");
        }
    }

    #[test]
    fn items_are_names_with_at_most_one_wildcard_at_the_end() {
        for (item, is_valid) in
            [("ci", true), ("*", true), ("a.b_c-*", true), ("", false), ("*a", false), ("a**", false), ("a b", false)]
        {
            assert_eq!(AllowedRoles::parse(vec![item.to_owned()]).is_ok(), is_valid, "{item:?}");
        }
        assert_eq!(AllowedRoles::parse(Vec::new()).map(|roles| roles.contains("ci")), Ok(false));
    }
}
