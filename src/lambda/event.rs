//! The rotation event of Secrets Manager (Secrets Manager user guide, "Lambda rotation functions").

use std::fmt;

use serde_json::Value;

use crate::rotation::{ErrorKind, Result, RotationError, SecretId, StagedBy, Step, StepRequest, VersionId};
use crate::secret::SecretString;

/// A request of Secrets Manager for one step.
pub struct RotationEvent {
    /// The step.
    pub step: Step,
    /// The secret's ARN.
    pub secret: SecretId,
    /// The version that the rotation creates.
    pub version: VersionId,
    rotation_token: Option<SecretString>,
}

impl RotationEvent {
    /// Parses an event. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::EventInvalid`], with the name of the field.
    pub fn parse(event: Value) -> Result<Self> {
        let Value::Object(mut fields) = event else { return Err(invalid("the event is not a JSON object")) };
        let mut take = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(_)) => Err(invalid(format!("the event's {name} is empty"))),
            Some(_) => Err(invalid(format!("the event's {name} is not a string"))),
        };
        let mut need = |name: &str| take(name)?.ok_or_else(|| invalid(format!("the event's {name} is missing")));
        Ok(Self {
            step: Step::parse(&need("Step")?)?,
            secret: SecretId::new(need("SecretId")?),
            version: VersionId::parse(need("ClientRequestToken")?)?,
            rotation_token: take("RotationToken")?.map(SecretString::from),
        })
    }

    /// The request to the core.
    pub fn request(&self) -> StepRequest {
        StepRequest {
            secret: self.secret.clone(),
            version: self.version.clone(),
            rotation_token: self.rotation_token.clone(),
            staged_by: StagedBy::Service,
        }
    }
}

/// Omits the rotation token, which lets its holder write to the secret.
impl fmt::Debug for RotationEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RotationEvent")
            .field("step", &self.step)
            .field("secret", &self.secret)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

fn invalid(message: impl Into<String>) -> RotationError {
    RotationError::new(ErrorKind::EventInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VERSION: &str = "11111111-1111-1111-1111-111111111111";

    fn event(step: &str) -> Value {
        json!({"Step": step, "SecretId": "arn", "ClientRequestToken": VERSION, "RotationToken": "hush-hush", "New": 1})
    }

    #[test]
    fn both_spellings_of_each_step_are_accepted() {
        for (camel, snake, step) in [
            ("createSecret", "create_secret", Step::Create),
            ("setSecret", "set_secret", Step::Set),
            ("testSecret", "test_secret", Step::Test),
            ("finishSecret", "finish_secret", Step::Finish),
        ] {
            for name in [camel, snake] {
                assert_eq!(RotationEvent::parse(event(name)).expect("a valid event").step, step);
            }
        }
    }

    #[test]
    fn an_invalid_event_is_rejected_with_the_name_of_the_field() {
        let mut rows = vec![
            (json!(null), "object"),
            (json!([1]), "object"),
            (event("rotate"), "rotate"),
            (json!({"Step": 3}), "Step is not a string"),
        ];
        for name in ["Step", "SecretId", "ClientRequestToken"] {
            let mut without = event("createSecret");
            without.as_object_mut().expect("an object").remove(name);
            rows.push((without, name));
        }
        for length in [31, 65] {
            let mut odd = event("createSecret");
            odd["ClientRequestToken"] = json!("x".repeat(length));
            rows.push((odd, "32 to 64"));
        }
        for (event, expected) in rows {
            let error = RotationEvent::parse(event.clone()).expect_err("an invalid event");
            assert_eq!(error.kind(), ErrorKind::EventInvalid, "{event}");
            assert!(error.to_string().contains(expected), "{event}: {error}");
        }
    }

    #[test]
    fn the_rotation_token_is_not_printed() {
        let event = RotationEvent::parse(event("createSecret")).expect("a valid event");
        assert!(!format!("{event:?}{:?}", event.request()).contains("hush"));
    }
}
