//! The write-ahead entry of an in-place rotation.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// A rotation in progress: what recovers the client if its answer is lost.
#[derive(Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The client whose secret is regenerated.
    pub(crate) client_id: String,
    /// The new secret, once it is known; until then, that of an interrupted rotation before.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Zeroizing<String>>,
    /// A token that can regenerate the secret again; `None` in an adoption, whose administrator can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Zeroizing<String>>,
}

/// The entry of versions that stored the documents before and after the rotation.
#[derive(Deserialize)]
struct EarlierIntent<'a> {
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow, default)]
    to: Option<&'a RawValue>,
    token: Zeroizing<String>,
}

impl EarlierIntent<'_> {
    fn into_intent(self) -> Option<Intent> {
        let client = |document: &RawValue| {
            let credentials = Document::parse(&document.get().into()).ok()?.credentials().ok()?;
            let Credentials::GenesysCloud { client, .. } = credentials else { return None };
            Some(client)
        };
        let renewed = self.to.and_then(client);
        let client_secret = renewed.map(|client| Zeroizing::new(client.secret.expose_secret().to_owned()));
        Some(Intent { client_id: client(self.from)?.id, client_secret, token: Some(self.token) })
    }
}

impl Intent {
    /// The entry before the secret is regenerated. It keeps the secret of the entry that it replaces.
    pub(crate) fn new(client_id: &str, token: &SecretString, replaced: Option<&Self>) -> Self {
        let token = Some(Zeroizing::new(token.expose_secret().to_owned()));
        let client_secret = replaced.and_then(|replaced| replaced.client_secret.clone());
        Self { client_id: client_id.to_owned(), client_secret, token }
    }

    /// The entry of an adoption, which holds no token: readers of the secret must not get the administrator's.
    pub(crate) fn of_adoption(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), client_secret: None, token: None }
    }

    /// Parses a stored entry, also one of an earlier version; `None` if it is not one.
    pub(crate) fn parse(value: &SecretString) -> Option<Self> {
        let text = value.expose_secret();
        let earlier = || serde_json::from_str::<EarlierIntent<'_>>(text).ok()?.into_intent();
        serde_json::from_str(text).ok().or_else(earlier)
    }

    /// The new secret, if it is known.
    pub(crate) fn secret(&self) -> Option<SecretString> {
        self.client_secret.as_ref().map(|secret| SecretString::from(secret.as_str()))
    }

    /// The token that can regenerate the secret again.
    pub(crate) fn token(&self) -> Option<SecretString> {
        self.token.as_ref().map(|token| SecretString::from(token.as_str()))
    }

    /// The entry with the new secret.
    pub(crate) fn with_secret(self, secret: &SecretString) -> Self {
        Self { client_secret: Some(Zeroizing::new(secret.expose_secret().to_owned())), ..self }
    }

    /// The stored form.
    ///
    /// # Errors
    /// None in practice: text is always valid JSON.
    pub(crate) fn to_value(&self) -> Result<SecretString> {
        let text = serde_json::to_string(self).map(Zeroizing::new);
        let text =
            text.map_err(|_| RotationError::new(ErrorKind::DocumentInvalid, "the write-ahead entry is not JSON"));
        Ok(SecretString::from(text?.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_survives_the_round_trip() {
        let before = Intent::new("a", &"to\"ken".into(), None);
        assert_eq!(before.to_value().expect("text").expose_secret(), r#"{"client_id":"a","token":"to\"ken"}"#);
        let after = Intent::parse(&before.with_secret(&"new".into()).to_value().expect("text")).expect("a valid entry");
        assert_eq!((after.client_id.as_str(), after.token().expect("a token").expose_secret()), ("a", "to\"ken"));
        assert_eq!(after.secret().expect("the new secret").expose_secret(), "new");
        let adopted = Intent::of_adoption("a").with_secret(&"new".into()).to_value().expect("text");
        assert_eq!(adopted.expose_secret(), r#"{"client_id":"a","client_secret":"new"}"#);
        assert!(Intent::parse(&adopted).expect("a valid entry").token().is_none());
        assert!(Intent::parse(&r#"{"token":"a"}"#.into()).is_none());
        for (to, secret) in
            [("null", None), (r#"{"region":"eu-west-1","clientId":"a","client_secret":"new"}"#, Some("new"))]
        {
            let from = r#"{"region":"eu-west-1","clientId":"a","client_secret":"old","x":1}"#;
            let earlier = format!(r#"{{"from":{from},"to":{to},"token":"t"}}"#);
            let read = Intent::parse(&earlier.as_str().into()).expect("a valid entry");
            let read_secret = read.secret();
            assert_eq!(read_secret.as_ref().map(|secret| secret.expose_secret()), secret);
            assert_eq!((read.client_id.as_str(), read.token().expect("a token").expose_secret()), ("a", "t"));
        }
        assert!(Intent::parse(&"nonsense".into()).is_none());
    }
}
