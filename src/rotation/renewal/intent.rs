//! What is written down before a client's own secret is replaced, so that nothing that gets lost is lost for good.

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::rotation::document::fields::Document;
use crate::rotation::error::Result;
use crate::secret::SecretString;

/// A replacement that was begun.
pub(crate) struct Ahead {
    /// The current document when it was begun. Once that is another one, this is of no use any more.
    pub(crate) from: Document,
    /// The document with the new secret, once that is known.
    pub(crate) to: Option<Document>,
    /// A token that can make the secret anew if the answer with it got lost.
    pub(crate) token: SecretString,
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow, default)]
    to: Option<&'a RawValue>,
    token: Zeroizing<String>,
}

impl Ahead {
    /// Reads what was written down; `None` for what nobody here wrote.
    pub(crate) fn parse(value: &SecretString) -> Option<Self> {
        let stored: Stored<'_> = serde_json::from_str(value.expose_secret()).ok()?;
        let document = |raw: &RawValue| Document::parse(&SecretString::from(raw.get())).ok();
        let to = match stored.to {
            Some(raw) => Some(document(raw)?),
            None => None,
        };
        Some(Self { from: document(stored.from)?, to, token: SecretString::from(stored.token.as_str()) })
    }

    /// As it is written down.
    ///
    /// # Errors
    /// `DocumentInvalid` where it is larger than a secret may be.
    pub(crate) fn to_value(&self) -> Result<SecretString> {
        let from = self.from.to_value()?;
        let to = self.to.as_ref().map(Document::to_value).transpose()?;
        let token = Zeroizing::new(serde_json::Value::from(self.token.expose_secret()).to_string());
        let to = to.as_ref().map_or("null", |to| to.expose_secret());
        Ok(SecretString::from(format!(r#"{{"from":{},"to":{to},"token":{}}}"#, from.expose_secret(), *token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(secret: &str) -> Document {
        Document::parse(&format!(r#"{{"b":1.50,"client_id":"a","client_secret":"{secret}"}}"#).into())
            .expect("it is one")
    }

    #[test]
    fn what_was_written_down_is_read_again() {
        for to in [None, Some(document("new"))] {
            let ahead = Ahead { from: document("old"), to, token: "to\"ken".into() };
            let again = Ahead::parse(&ahead.to_value().expect("it fits")).expect("it can be read");
            assert!(again.from.is_same_as(&ahead.from));
            assert_eq!(again.to.is_some(), ahead.to.is_some());
            assert_eq!(again.token.expose_secret(), "to\"ken");
        }
        assert!(Ahead::parse(&r#"{"client_id":"a"}"#.into()).is_none());
        assert!(Ahead::parse(&"nonsense".into()).is_none());
    }
}
