//! The stored document: a JSON object whose fields we know in part, and keep in full.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::credentials::{ACCESS_KEY, CLIENT, Pair, is_name};
use super::plan::SecretRotation;
use super::probe::Probe;
use crate::rotation::credentials::keys::KeyPair;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::credentials::token::IssuedToken;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// The largest value that a secret may hold, in bytes (Secrets Manager quotas).
pub const LARGEST_VALUE: usize = 65_536;

/// All probes go out together, so there must not be so many that they meet the platform's rate limit.
const MOST_PROBES: usize = 20;
const ACCESS_TOKEN: &str = "access_token";
const TOKEN_TYPE: &str = "token_type";
const ISSUED_AT: &str = "issued_at";
const EXPIRES_AT: &str = "expires_at";
/// Two clients, of which one is always in use.
pub(crate) const CLIENTS: &str = "clients";
/// What a rotation writes.
const OF_THE_TOKEN: [&str; 4] = [ACCESS_TOKEN, TOKEN_TYPE, ISSUED_AT, EXPIRES_AT];

/// A secret's value. Fields that are not ours keep their bytes and their place.
#[derive(Clone)]
pub struct Document {
    fields: Vec<Field>,
}

#[derive(Clone)]
struct Field {
    name: String,
    /// The value's JSON text as it was written.
    json: Zeroizing<String>,
}

impl Field {
    fn is_of_the_token(&self) -> bool {
        OF_THE_TOKEN.contains(&self.name.as_str())
    }
}

impl Document {
    /// Reads a secret's value.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] for what is not a JSON object. The message never quotes the value.
    pub fn parse(value: &SecretString) -> Result<Self> {
        let text = value.expose_secret();
        if text.trim().is_empty() {
            return Err(invalid("the secret's value is empty"));
        }
        match serde_json::from_str::<Self>(text) {
            Ok(document) => document.without_repeats(),
            Err(error) if error.is_data() => Err(invalid("the secret's value is JSON, but not an object")),
            // The parser's own words could quote the value; its position cannot.
            Err(error) => {
                let place = format!("line {}, column {}", error.line(), error.column());
                Err(invalid(format!("the secret's value is not JSON (it stops making sense at {place})")))
            }
        }
    }

    /// The platform, `genesys-cloud` where none is named.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where it is not a string.
    pub fn platform(&self) -> Result<String> {
        Ok(self.named_platform()?.unwrap_or_else(|| PlatformName::GenesysCloud.name().to_owned()))
    }

    /// The platform, if one is named.
    pub(crate) fn named_platform(&self) -> Result<Option<String>> {
        self.text("platform")
    }

    /// The probes that the document lists.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where it is not a list of probes.
    pub fn probes(&self) -> Result<Vec<Probe>> {
        let Some(json) = self.json("probes") else { return Ok(Vec::new()) };
        let texts: Vec<String> = serde_json::from_str(json).map_err(|_| {
            invalid(r#"probes is not a list of strings such as ["GET /api/v2/routing/skills?pageSize=1"]"#)
        })?;
        if texts.len() > MOST_PROBES {
            return Err(invalid(format!("probes lists {} calls, and may list {MOST_PROBES}", texts.len())));
        }
        texts.iter().map(|text| Probe::parse(text)).collect()
    }

    /// The access token; `None` where there is none yet.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where it is not a string.
    pub fn access_token(&self) -> Result<Option<SecretString>> {
        Ok(self.text(ACCESS_TOKEN)?.filter(|token| !token.is_empty()).map(SecretString::from))
    }

    /// The access token's type as the platform spelt it; `None` where that is not written.
    pub fn token_type(&self) -> Option<String> {
        self.text(TOKEN_TYPE).ok().flatten()
    }

    /// When the access token expires; `None` where that is not written or not readable.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.text(EXPIRES_AT).ok().flatten()?.parse().ok()
    }

    /// When the access token was issued; `None` where that is not written or not readable.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.text(ISSUED_AT).ok().flatten()?.parse().ok()
    }

    /// Whether a rotation wrote a token into it: all that a rotation writes is there, and where the credentials are.
    pub fn is_rotated(&self) -> bool {
        let has_token = self.access_token().is_ok_and(|token| token.is_some()) && self.token_type().is_some();
        has_token && self.issued_at().is_some() && self.expires_at().is_some() && self.credential_source().is_ok()
    }

    /// Whether a rotation of `current` could have made this: it is the same but for the token and its times, and
    /// where the document asks for new client secrets, but for those.
    pub fn follows_from(&self, current: &Self) -> bool {
        let renewal = current.secret_rotation().ok().flatten();
        let renewed: &[&Pair] = match renewal {
            None => &[],
            Some(SecretRotation::AccessKeys { .. }) => &[&ACCESS_KEY],
            Some(_) => &[&CLIENT],
        };
        let own = |field: &&Field| {
            let name = field.name.as_str();
            let is_renewed = renewed.iter().any(|pair| pair.id.contains(&name) || pair.secret.contains(&name));
            !(field.is_of_the_token() || is_renewed || renewal.is_some() && name == CLIENTS)
        };
        let (left, right) = (self.fields.iter().filter(own), current.fields.iter().filter(own));
        left.map(|field| (&field.name, &*field.json)).eq(right.map(|field| (&field.name, &*field.json)))
            && match renewal {
                None => true,
                Some(SecretRotation::AccessKeys { .. }) => self.has_successor_of(current),
                Some(_) => self.client_ids() == current.client_ids(),
            }
    }

    /// This document with the token of another, and everything else as it was.
    #[must_use]
    pub fn with_token_of(&self, other: &Self) -> Self {
        let own = self.fields.iter().filter(|field| !field.is_of_the_token());
        let token = other.fields.iter().filter(|field| field.is_of_the_token());
        Self { fields: own.chain(token).cloned().collect() }
    }

    /// Whether both documents say the same in the same words.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let (left, right) = (self.fields.iter(), other.fields.iter());
        left.map(|field| (&field.name, &*field.json)).eq(right.map(|field| (&field.name, &*field.json)))
    }

    /// The id of the client that is in use.
    pub(crate) fn client_id(&self) -> Result<Option<String>> {
        self.alias(CLIENT.id)
    }

    /// The name of another secret.
    pub(crate) fn secret_name(&self, field: &str) -> Result<Option<String>> {
        match self.trimmed(field)? {
            Some(name) if !is_name(&name) => Err(invalid(format!("{field} holds what is no secret's name or ARN"))),
            name => Ok(name),
        }
    }

    /// This document with a new token in it, and everything else as it was.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where the token's times cannot be written as dates.
    pub fn with_token(&self, token: &IssuedToken, issued_at: Timestamp) -> Result<Self> {
        let lifetime = SignedDuration::try_from(token.lifetime).unwrap_or(SignedDuration::MAX);
        let expires_at = issued_at
            .checked_add(lifetime)
            .map_err(|_| invalid("the token's time of expiry is beyond the year 9999"))?;
        let mut next = self.clone();
        next.set(ACCESS_TOKEN, token.access_token.expose_secret());
        next.set(TOKEN_TYPE, &token.token_type);
        next.set(ISSUED_AT, &whole_seconds(issued_at));
        next.set(EXPIRES_AT, &whole_seconds(expires_at));
        Ok(next)
    }

    /// The document as it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where it is larger than a secret may be.
    pub fn to_value(&self) -> Result<SecretString> {
        let text = self.to_text();
        if text.len() <= LARGEST_VALUE {
            return Ok(SecretString::from(text.as_str()));
        }
        let message =
            format!("with its token the secret would have {} bytes, and may have {LARGEST_VALUE}", text.len());
        Err(invalid(message).with_hint("move the large fields into a secret of their own"))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from("{"));
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&quote(&field.name));
            text.push(':');
            text.push_str(&field.json);
        }
        text.push('}');
        text
    }

    /// Two fields of one name mean one thing to one reader and another to the next.
    fn without_repeats(self) -> Result<Self> {
        for (index, field) in self.fields.iter().enumerate() {
            if self.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                return Err(invalid(format!("the field {:?} is there twice", shortened(&field.name)))
                    .with_hint("keep one of the two: readers do not agree on which of them counts"));
            }
        }
        Ok(self)
    }

    pub(crate) fn json(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.json.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        match self.json(name) {
            None | Some("null") => Ok(None),
            Some(json) => {
                serde_json::from_str(json).map(Some).map_err(|_| invalid(format!("the field {name} is not a string")))
            }
        }
    }

    pub(crate) fn trimmed(&self, name: &str) -> Result<Option<String>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.is_empty() {
            return Err(invalid(format!("the field {name} is empty")));
        }
        if text.trim() != text {
            return Err(invalid(format!("the field {name} has blanks or a line break around its value"))
                .with_hint("store it without them: `echo` adds a line break where `printf %s` does not"));
        }
        Ok(Some(text))
    }

    /// The one value among the names that people use for it.
    pub(crate) fn alias(&self, names: &[&str]) -> Result<Option<String>> {
        let mut found: Option<(&str, String)> = None;
        for name in names {
            let Some(value) = self.trimmed(name)? else { continue };
            match &found {
                Some((first, earlier)) if *earlier != value => {
                    return Err(invalid(format!("the fields {first} and {name} say different things"))
                        .with_hint("keep one of the two"));
                }
                Some(_) => {}
                None => found = Some((name, value)),
            }
        }
        Ok(found.map(|(_, value)| value))
    }

    /// An entry of a list: a document that holds an id and its secret alone.
    pub(crate) fn of_pair(names: &Pair, pair: &KeyPair) -> Self {
        let mut entry = Self { fields: Vec::new() };
        entry.set_pair(names, pair);
        entry
    }

    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.set_json(name, Zeroizing::new(quote(text)));
    }

    pub(crate) fn set_json(&mut self, name: &str, json: Zeroizing<String>) {
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.json = json,
            None => self.fields.push(Field { name: name.to_owned(), json }),
        }
    }
}

/// Names alone: every value may be a secret.
impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.fields.iter().map(|field| &field.name)).finish()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsInOrder)
    }
}

struct FieldsInOrder;

impl<'de> Visitor<'de> for FieldsInOrder {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Document, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let json: &RawValue = map.next_value()?;
            fields.push(Field { name, json: Zeroizing::new(json.get().to_owned()) });
        }
        Ok(Document { fields })
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A fraction of a second says nothing here, and some readers trip over it.
fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// A field's name should be short, but someone may have pasted anything there.
fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

pub(crate) fn invalid(message: impl Into<String>) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, message)
}
