//! Fields that no rotation reads: misspelt names, and fields of the secret's owner, which every rotation keeps.

use strsim::damerau_levenshtein;

use super::fields::{Document, invalid};
use super::names;
use crate::rotation::error::Result;

/// Names this long may differ by two letters from the name that is meant; shorter ones by one.
const LONG: usize = 10;
/// Shorter names resemble only what they are equal to without case and punctuation.
const SHORT: usize = 4;
/// Anything may have been pasted into a field's name.
const LONGEST_SHOWN: usize = 40;

impl Document {
    /// The names of the fields that rotations read or write, and the number of the others. A name of the owner may be anything.
    pub fn known_fields(&self) -> (Vec<&'static str>, usize) {
        let known = |(name, _): (&str, &str)| names::known().find(|known| *known == name);
        let fields: Vec<_> = self.entries().map(known).collect();
        let others = fields.iter().filter(|field| field.is_none()).count();
        (fields.into_iter().flatten().collect(), others)
    }

    /// The names of the fields that no rotation reads, shortened to 40 characters.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) for a name that resembles a known one that the
    /// document does not have.
    pub(crate) fn kept_fields(&self) -> Result<Vec<String>> {
        let is_unknown = |name: &&str| !names::known().any(|known| known == *name);
        let unknown = self.entries().map(|(name, _)| name).filter(is_unknown);
        let meant = |name: &str| resembled(name).filter(|known| self.json(known).is_none());
        unknown.map(|name| meant(name).map_or_else(|| Ok(shown(name)), |known| Err(misspelt(name, known)))).collect()
    }
}

fn misspelt(name: &str, known: &str) -> crate::rotation::error::RotationError {
    let name = shown(name);
    invalid(format!("unknown field {name:?}; did you mean {known:?}?"))
        .with_hint(format!("rename it to {known:?}, or choose a name for your own field that differs more"))
}

/// Short words that the owner's own fields resemble by chance.
const COMMON_WORDS: [&str; 7] = ["name", "scopes", "issuer", "area", "realm", "clients", "token"];

/// The known name that a name resembles most: one that a person writes. A longer name that begins with it is no mistake.
fn resembled(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    let most = match plain.len() {
        ..SHORT => 0,
        SHORT..LONG => 1,
        _ => 2,
    };
    let distance = |known: &&'static str| damerau_levenshtein(&plain, &self::plain(known));
    let is_meant = |known: &&'static str| {
        let is_own = plain.len() > self::plain(known).len() && plain.starts_with(&self::plain(known));
        !names::is_token_field(known) && !COMMON_WORDS.contains(known) && !is_own
    };
    let known = names::known().filter(is_meant).map(|known| (distance(&known), known));
    known.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= most).map(|(_, known)| known)
}

/// A name without case and punctuation.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).take(LONGEST_SHOWN).collect()
}

fn shown(name: &str) -> String {
    name.chars().take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_resemble_the_known_ones_and_other_names_do_not() {
        for (name, known) in [
            ("rotat", "rotate"),
            ("probe", "probes"),
            ("clientid", "client_id"),
            ("Client-ID", "client_id"),
            ("client_secert", "client_secret"),
            ("cleint_secrte", "client_secret"),
            ("admin_credential", "admin_credentials"),
            ("Region", "region"),
        ] {
            assert_eq!(resembled(name), Some(known), "{name}");
        }
        for name in ["team", "ours", "owner", "expires_in", "origin", "note", "id", "", "_", "url", "created_at", "env"]
        {
            assert_eq!(resembled(name), None, "{name}");
        }
        for known in names::known() {
            let document = Document::parse(&serde_json::json!({known: "x"}).to_string().into()).expect("a document");
            assert_eq!(document.kept_fields().ok(), Some(Vec::new()), "{known}");
        }
    }

    #[test]
    fn the_first_misspelt_field_is_named_and_its_value_is_not() {
        let document = |text: &str| Document::parse(&text.into()).expect("a document");
        let kept = document(r#"{"team":"a","region":"b","ours":1}"#).kept_fields().expect("two fields");
        assert_eq!(kept, ["team", "ours"]);
        assert!(document(r#"{"clientid":"a","client_id":"b"}"#).kept_fields().is_ok(), "the field is there");
        let error = document(r#"{"team":"a","rotat":"hush"}"#).kept_fields().expect_err("misspelt");
        assert_eq!(error.to_string(), r#"unknown field "rotat"; did you mean "rotate"?"#);
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(100));
        assert_eq!(document(&long).kept_fields().expect("kept"), ["x".repeat(LONGEST_SHOWN)]);
    }
}
