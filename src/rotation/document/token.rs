//! The token in a document: its type, and the times of its issue and expiry.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::fields::{Document, invalid};
use super::names::{ACCESS_TOKEN, EXPIRES_AT, ISSUED_AT, TOKEN_TENANT_ID, TOKEN_TYPE, is_token_field};
use crate::rotation::credentials::token::IssuedToken;
use crate::rotation::error::Result;
use crate::secret::SecretString;

impl Document {
    /// Returns the access token; `None` before the first rotation.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) if the field is not a string.
    pub fn access_token(&self) -> Result<Option<SecretString>> {
        Ok(self.text(ACCESS_TOKEN)?.filter(|token| !token.is_empty()).map(SecretString::from))
    }

    /// Whether a value that is no document may hold a token: it names the field.
    pub fn may_hold_token(value: &SecretString) -> bool {
        value.expose_secret().contains(ACCESS_TOKEN)
    }

    /// Returns the token's type as the platform spelled it; `None` if absent.
    pub fn token_type(&self) -> Option<String> {
        self.text(TOKEN_TYPE).ok().flatten()
    }

    /// Returns the token's time of expiry; `None` if absent or unreadable.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.text(EXPIRES_AT).ok().flatten()?.parse().ok()
    }

    /// Returns the token's time of issue; `None` if absent or unreadable.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.text(ISSUED_AT).ok().flatten()?.parse().ok()
    }

    /// Returns the CXone tenant of the token, if the answer to the token request named it; `None` if absent or unreadable.
    pub fn token_tenant_id(&self) -> Option<String> {
        self.text(TOKEN_TENANT_ID).ok().flatten()
    }

    /// Returns whether a rotation wrote this document: it holds every token field and names its credentials.
    pub fn is_rotated(&self) -> bool {
        let has_token = self.access_token().is_ok_and(|token| token.is_some()) && self.token_type().is_some();
        has_token && self.issued_at().is_some() && self.expires_at().is_some() && self.credential_source().is_ok()
    }

    /// Returns this document with a new token, and every other field unchanged.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid) if the time of expiry cannot be
    /// written as a date.
    pub fn with_token(&self, token: &IssuedToken, issued_at: Timestamp) -> Result<Self> {
        let lifetime = SignedDuration::try_from(token.lifetime).unwrap_or(SignedDuration::MAX);
        let expires_at =
            issued_at.checked_add(lifetime).map_err(|_| invalid("the token expires after the year 9999"))?;
        let mut next = self.clone();
        next.set(ACCESS_TOKEN, token.access_token.expose_secret());
        next.set(TOKEN_TYPE, &token.token_type);
        next.set(ISSUED_AT, &whole_seconds(issued_at));
        next.set(EXPIRES_AT, &whole_seconds(expires_at));
        match &token.tenant_id {
            Some(tenant) => next.set(TOKEN_TENANT_ID, tenant),
            None => next.remove(TOKEN_TENANT_ID),
        }
        Ok(next)
    }

    /// Returns this document with the token of `other`, and every other field unchanged.
    #[must_use]
    pub fn with_token_of(&self, other: &Self) -> Self {
        self.with_fields_of(other, is_token_field)
    }
}

/// Some readers cannot parse fractions of a second.
fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_document_holds_every_token_field_and_names_its_credentials() {
        let fields = [
            r#""credentials": "c""#,
            r#""access_token": "t""#,
            r#""token_type": "bearer""#,
            r#""issued_at": "2026-01-02T03:04:05Z""#,
            r#""expires_at": "2026-01-03T03:04:05Z""#,
        ];
        let document = |fields: &[&str]| Document::parse(&format!("{{{}}}", fields.join(",")).into()).expect("JSON");
        assert!(document(&fields).is_rotated());
        for missing in 0..fields.len() {
            let fields: Vec<_> = fields.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, f)| *f).collect();
            assert!(!document(&fields).is_rotated(), "without field {missing}");
        }
    }

    #[test]
    fn a_value_that_names_the_token_field_may_hold_a_token() {
        assert!(Document::may_hold_token(&r#"{"access_token": "t", "#.into()));
        assert!(!Document::may_hold_token(&r#"{"client_secret": "s", "#.into()));
    }
}
