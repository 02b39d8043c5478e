//! The token in a document: its type, and the times of its issue and expiry.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::fields::{Document, invalid};
use super::names::{ACCESS_TOKEN, EXPIRES_AT, ISSUED_AT, TOKEN_TYPE, is_token_field};
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
