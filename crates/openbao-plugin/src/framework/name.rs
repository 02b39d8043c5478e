//! The names that paths take.

use super::refusal::refuse;
use crate::Failure;

/// The longest name, in bytes.
const LONGEST: usize = 128;

/// Letters, digits, `_`, `-` and `.`; the first and the last a letter, a digit or `_` (sdk/framework,
/// `GenericNameRegex`).
///
/// # Errors
///
/// 400 with a sentence.
pub(super) fn check(parameter: &str, name: &str) -> Result<(), Failure> {
    if name.len() > LONGEST {
        let sentence = format!("the {parameter} in the path is longer than {LONGEST} bytes");
        return Err(refuse(sentence, "choose a shorter one"));
    }
    if is_name(name) {
        return Ok(());
    }
    let hint = "use letters, digits, '_', '-' and '.', and begin and end with a letter, a digit or '_'";
    Err(refuse(format!("the {parameter} in the path is not a valid name"), hint))
}

/// Whether a text could be the name in a path. What is none must not become part of a key.
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
    fn names_are_vaults_names() {
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
