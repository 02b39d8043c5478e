//! The write-ahead entry of an in-place rotation.

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::rotation::document::fields::Document;
use crate::rotation::error::Result;
use crate::secret::SecretString;

/// A rotation in progress.
pub(crate) struct Intent {
    /// The current document when the rotation began. Once another document is current, the intent is obsolete.
    pub(crate) from: Document,
    /// The document with the new secret, once it is known.
    pub(crate) to: Option<Document>,
    /// A token that can regenerate the secret again if the platform's answer is lost.
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

impl Intent {
    /// Parses a stored entry; `None` if it is not one.
    pub(crate) fn parse(value: &SecretString) -> Option<Self> {
        let stored: Stored<'_> = serde_json::from_str(value.expose_secret()).ok()?;
        let document = |raw: &RawValue| Document::parse(&SecretString::from(raw.get())).ok();
        let to = match stored.to {
            Some(raw) => Some(document(raw)?),
            None => None,
        };
        Some(Self { from: document(stored.from)?, to, token: SecretString::from(stored.token.as_str()) })
    }

    /// The stored form.
    ///
    /// # Errors
    /// `DocumentInvalid` if a document is larger than a secret may be.
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
            .expect("a valid document")
    }

    #[test]
    fn an_intent_survives_the_round_trip() {
        for to in [None, Some(document("new"))] {
            let intent = Intent { from: document("old"), to, token: "to\"ken".into() };
            let again = Intent::parse(&intent.to_value().expect("a small entry")).expect("a valid entry");
            assert!(again.from.is_same_as(&intent.from));
            assert_eq!(again.to.is_some(), intent.to.is_some());
            assert_eq!(again.token.expose_secret(), "to\"ken");
        }
        assert!(Intent::parse(&r#"{"client_id":"a"}"#.into()).is_none());
        assert!(Intent::parse(&"nonsense".into()).is_none());
    }
}
