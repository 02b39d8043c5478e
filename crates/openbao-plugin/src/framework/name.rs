//! Names in paths.

use super::refusal::refuse;
use crate::logical::failure::Failure;

/// Limits a name, in bytes.
const LONGEST: usize = 128;

/// Validates the name in a path; see [`is_name`].
///
/// # Errors
///
/// 400. The text names the parameter.
pub(super) fn check(parameter: &str, name: &str) -> Result<(), Failure> {
    if name.len() > LONGEST {
        let problem = format!("the {parameter} in the path is longer than {LONGEST} bytes");
        return Err(refuse(problem, "use a shorter name"));
    }
    if is_name(name) {
        return Ok(());
    }
    let hint = "use letters, digits, '_', '-' and '.'; start and end with a letter, a digit or '_'";
    Err(refuse(format!("the {parameter} in the path is not a valid name"), hint))
}

/// Returns whether a text is a valid name in a path. Check it before you make a text part of a storage key.
///
/// ```
/// use openbao_plugin::framework::is_name;
///
/// assert!(is_name("ci-eu.west_1") && !is_name("../ci") && !is_name(""));
/// ```
///
/// A name has 1 to 128 ASCII letters, digits, `_`, `-` and `.`, and starts and ends with a letter, a digit or `_`
/// (sdk/framework, `GenericNameRegex`).
pub fn is_name(text: &str) -> bool {
    let (first, last) = (text.chars().next(), text.chars().next_back());
    text.len() <= LONGEST && is_word(first) && is_word(last) && text.chars().all(is_allowed)
}

fn is_word(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn is_allowed(letter: char) -> bool {
    is_word(Some(letter)) || letter == '-' || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_vaults_generic_name_regex() {
        for name in ["a", "_", "9", "main", "ci-eu.west_1", "a..b", "A-1", &"x".repeat(LONGEST)] {
            assert_eq!(check("role", name), Ok(()), "{name}");
        }
        for name in ["", "-", ".a", "a.", "a-", "a b", "a/b", "a\n", "ä", "a*", "+", &"x".repeat(LONGEST + 1)] {
            let refused = check("role", name);
            let is_refused = matches!(&refused, Err(Failure::InvalidRequest(text)) if text.starts_with("the role in "));
            assert!(is_refused, "{name}: {refused:?}");
        }
    }
}
