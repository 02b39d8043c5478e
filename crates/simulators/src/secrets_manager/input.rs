//! Reads an action's members, with the constraints of the service's model (Secrets Manager API reference, "Data Types").

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::error::ServiceError;
use super::value::SecretValue;

/// Limits a secret value, in bytes.
const VALUE_LIMIT: usize = 65_536;
/// The length of a `ClientRequestToken` and of a `VersionId`, in characters.
const TOKEN_LENGTH: RangeInclusive<usize> = 32..=64;

/// The members of one request, or of one structure in it.
pub(super) struct Input<'a> {
    members: &'a Map<String, Value>,
    access_key: &'a str,
}

impl<'a> Input<'a> {
    /// Creates the input of a request that `access_key` signed.
    pub(super) fn new(members: &'a Map<String, Value>, access_key: &'a str) -> Self {
        Self { members, access_key }
    }

    /// Whether an assumed role signed the request: its temporary credentials have their own prefix (IAM user guide,
    /// "Understanding unique ID prefixes").
    pub(super) fn is_from_assumed_role(&self) -> bool {
        self.access_key.starts_with("ASIA")
    }

    /// Refuses every other member. The service ignores those that its model lacks; here they show a client's mistake.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), ServiceError> {
        let mut given = self.members.iter().filter(|(_, value)| !value.is_null());
        match given.find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(ServiceError::invalid_parameter(format!("The simulator doesn't support the member {name}.")))
            }
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A string whose length, in characters, is in a range.
    pub(super) fn text(&self, name: &str, length: RangeInclusive<usize>) -> Result<Option<&'a str>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| wrong_type(value, "String"))?;
        check_length(name, Some(text), text.chars().count(), &length)?;
        Ok(Some(text))
    }

    /// A required string.
    pub(super) fn required(&self, name: &str, length: RangeInclusive<usize>) -> Result<&'a str, ServiceError> {
        self.text(name, length)?.ok_or_else(|| missing(name))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| wrong_type(value, "Boolean"))
    }

    /// An integer within a range, if there is one.
    pub(super) fn number(&self, name: &str, range: Option<RangeInclusive<i64>>) -> Result<Option<i64>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| wrong_type(value, "Integer"))?;
        let bound = match &range {
            Some(range) if number < *range.start() => format!("greater than or equal to {}", range.start()),
            Some(range) if number > *range.end() => format!("less than or equal to {}", range.end()),
            _ => return Ok(Some(number)),
        };
        Err(constraint(name, Some(&number.to_string()), &format!("Member must have value {bound}")))
    }

    /// A string out of a set.
    pub(super) fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, ServiceError> {
        match self.text(name, 0..=usize::MAX)? {
            Some(text) if !allowed.contains(&text) => {
                let set = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
                Err(constraint(name, Some(text), &set))
            }
            text => Ok(text),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_array().map(|list| Some(list.as_slice())).ok_or_else(|| wrong_type(value, "List"))
    }

    /// A list of strings whose lengths are in a range.
    pub(super) fn texts(&self, name: &str, length: RangeInclusive<usize>) -> Result<Option<Vec<String>>, ServiceError> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let text = |value: &Value| {
            let text = value.as_str().ok_or_else(|| wrong_type(value, "String"))?;
            check_length(name, Some(text), text.chars().count(), &length)?;
            Ok(text.to_owned())
        };
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn structure(&self, name: &str) -> Result<Option<Input<'a>>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_object().map(|members| Some(self.of(members))).ok_or_else(|| wrong_type(value, "Structure"))
    }

    pub(super) fn structures(&self, name: &str) -> Result<Option<Vec<Input<'a>>>, ServiceError> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let structure = |value: &'a Value| {
            value.as_object().map(|members| self.of(members)).ok_or_else(|| wrong_type(value, "Structure"))
        };
        list.iter().map(structure).collect::<Result<_, _>>().map(Some)
    }

    fn of(&self, members: &'a Map<String, Value>) -> Self {
        Self { members, access_key: self.access_key }
    }

    /// The secret's name or ARN.
    pub(super) fn secret_id(&self) -> Result<&'a str, ServiceError> {
        let id = self.required("SecretId", 1..=2048)?;
        if !id.starts_with("arn:") {
            check_name(id)?;
        }
        Ok(id)
    }

    pub(super) fn token(&self) -> Result<Option<&'a str>, ServiceError> {
        self.text("ClientRequestToken", TOKEN_LENGTH)
    }

    pub(super) fn version_id(&self, name: &str) -> Result<Option<&'a str>, ServiceError> {
        self.text(name, TOKEN_LENGTH)
    }

    /// The secret value in `SecretString` or `SecretBinary`.
    pub(super) fn value(&self) -> Result<Option<SecretValue>, ServiceError> {
        match (self.get("SecretString"), self.get("SecretBinary")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(ServiceError::invalid_parameter(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
            (Some(value), None) => {
                let text = value.as_str().ok_or_else(|| wrong_type(value, "String"))?;
                check_length("SecretString", None, text.len(), &(1..=VALUE_LIMIT))?;
                Ok(Some(SecretValue::Text(text.to_owned())))
            }
            (None, Some(value)) => {
                let text = value.as_str().ok_or_else(|| wrong_type(value, "Blob"))?;
                let bytes = STANDARD.decode(text).map_err(|_| ServiceError::serialization("Invalid base64 data"))?;
                check_length("SecretBinary", None, bytes.len(), &(1..=VALUE_LIMIT))?;
                Ok(Some(SecretValue::Binary(bytes)))
            }
        }
    }
}

/// Checks the characters of a secret's name.
pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-/_+=.@!".contains(character);
    if name.chars().all(allowed) {
        return Ok(());
    }
    Err(ServiceError::validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

/// The framework's error about a member.
pub(super) fn constraint(name: &str, value: Option<&str>, constraint: &str) -> ServiceError {
    let mut member = name.to_owned();
    if let Some(first) = member.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    let shown = value.map(|value| format!("Value '{value}'")).unwrap_or_else(|| "Value".to_owned());
    ServiceError::validation(format!(
        "1 validation error detected: {shown} at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// Checks the length of a list or a string. `value` is `None` for a secret, which no message may show.
pub(super) fn check_length(
    name: &str,
    value: Option<&str>,
    length: usize,
    allowed: &RangeInclusive<usize>,
) -> Result<(), ServiceError> {
    let (least, most) = (allowed.start(), allowed.end());
    if length < *least {
        return Err(constraint(name, value, &format!("Member must have length greater than or equal to {least}")));
    }
    if length > *most {
        return Err(constraint(name, value, &format!("Member must have length less than or equal to {most}")));
    }
    Ok(())
}

fn missing(name: &str) -> ServiceError {
    constraint(name, None, "Member must not be null")
}

fn wrong_type(value: &Value, expected: &str) -> ServiceError {
    let found = match value {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ServiceError::serialization(format!("{found} can not be converted to a {expected}"))
}
