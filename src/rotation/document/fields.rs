//! The stored document: a JSON object whose unknown fields keep their bytes and their order.

use std::fmt;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// The maximum size of a secret's value, in bytes (Secrets Manager quotas).
pub const LARGEST_VALUE: usize = 65_536;

/// A secret's value. Fields that a rotation does not write keep their bytes and their order.
#[derive(Clone, Default)]
pub struct Document {
    fields: Vec<Field>,
}

#[derive(Clone)]
struct Field {
    name: String,
    /// The value's JSON text as it was stored.
    json: Zeroizing<String>,
}

impl Document {
    /// Parses a secret's value.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] if the value is not a JSON object. The message never quotes the value.
    pub fn parse(value: &SecretString) -> Result<Self> {
        let text = value.expose_secret();
        if text.trim().is_empty() {
            return Err(invalid("the secret's value is empty"));
        }
        match serde_json::from_str::<Self>(text) {
            Ok(document) => document.without_repeats(),
            Err(error) if error.is_data() => Err(invalid("the secret's value is JSON, but not an object")),
            // The parser's own message could quote the value; its position cannot.
            Err(error) => Err(invalid(format!(
                "the secret's value is not JSON: invalid at line {}, column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// Returns the document as it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] if it exceeds [`LARGEST_VALUE`].
    pub fn to_value(&self) -> Result<SecretString> {
        let text = self.to_text();
        if text.len() <= LARGEST_VALUE {
            return Ok(SecretString::from(text.as_str()));
        }
        let message =
            format!("the secret's value with its token is {} bytes; the limit is {LARGEST_VALUE}", text.len());
        Err(invalid(message).with_hint("move large fields to another secret"))
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
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

    /// Readers disagree on which of two fields with the same name applies.
    fn without_repeats(self) -> Result<Self> {
        for (index, field) in self.fields.iter().enumerate() {
            if self.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                // Someone may have pasted anything into a field's name.
                let name: String = field.name.chars().take(40).collect();
                return Err(invalid(format!("duplicate field {name:?}"))
                    .with_hint("remove one of the two: JSON parsers disagree on which one applies"));
            }
        }
        Ok(self)
    }

    /// Returns the names and JSON texts of all fields, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (field.name.as_str(), field.json.as_str()))
    }

    pub(super) fn json(&self, name: &str) -> Option<&str> {
        self.entries().find(|(field, _)| *field == name).map(|(_, json)| json)
    }

    /// Returns a field of any type; `what` describes the type in the error. JSON `null` counts as absent.
    pub(super) fn value<'a, T: Deserialize<'a>>(&'a self, name: &str, what: &str) -> Result<Option<T>> {
        match self.json(name) {
            None | Some("null") => Ok(None),
            Some(json) => {
                serde_json::from_str(json).map(Some).map_err(|_| invalid(format!("the field {name} is not {what}")))
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.value(name, "a string")
    }

    /// Returns a text field that is neither empty nor surrounded by whitespace.
    pub(super) fn trimmed(&self, name: &str) -> Result<Option<String>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.is_empty() {
            return Err(invalid(format!("the field {name} is empty")));
        }
        if text.trim() != text {
            return Err(invalid(format!("the field {name} has leading or trailing whitespace")).with_hint(
                "store it again without the whitespace: `echo` appends a line break, `printf %s` does not",
            ));
        }
        Ok(Some(text))
    }

    /// Returns the value of a field that has several names.
    pub(super) fn alias(&self, names: &[&str]) -> Result<Option<String>> {
        let mut found: Option<(&str, String)> = None;
        for name in names {
            let Some(value) = self.trimmed(name)? else { continue };
            match &found {
                Some((first, earlier)) if *earlier != value => {
                    return Err(invalid(format!("the fields {first} and {name} have different values"))
                        .with_hint("remove one of the two: both names mean the same field"));
                }
                Some(_) => {}
                None => found = Some((name, value)),
            }
        }
        Ok(found.map(|(_, value)| value))
    }

    pub(super) fn set(&mut self, name: &str, text: &str) {
        self.set_json(name, Zeroizing::new(quote(text)));
    }

    pub(super) fn set_json(&mut self, name: &str, json: Zeroizing<String>) {
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.json = json,
            None => self.fields.push(Field { name: name.to_owned(), json }),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
    }

    /// Returns this document with the fields for which `is_taken` holds replaced by those of `other`.
    pub(super) fn with_fields_of(&self, other: &Self, is_taken: impl Fn(&str) -> bool) -> Self {
        let own = self.fields.iter().filter(|field| !is_taken(&field.name));
        let taken = other.fields.iter().filter(|field| is_taken(&field.name));
        Self { fields: own.chain(taken).cloned().collect() }
    }
}

/// Shows the names only: every value may be a secret.
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

pub(super) fn invalid(message: impl Into<String>) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, message)
}
