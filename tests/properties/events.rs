//! The event that Secrets Manager sends to the function.

use genesys_rotator::lambda::RotationEvent;
use genesys_rotator::rotation::{ErrorKind, Step};
use proptest::prelude::*;
use serde_json::Value;

use crate::json::{object, quote, value};
use crate::{HUSH, said};

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(vec!["createSecret", "set_secret", "testSecret", "finish_secret", "rotate"]).prop_map(quote),
        2 => Just(quote("11111111-1111-1111-1111-111111111111")),
        1 => any::<String>().prop_map(quote),
        1 => value(),
    ]
}

proptest! {
    #[test]
    fn no_event_panics_or_shows_its_rotation_token(
        step in field(), secret in field(), version in field(), token in prop_oneof![any::<String>(), value()], other in value(),
    ) {
        let token = quote(format!("{token}{HUSH}"));
        let names = ["Step", "SecretId", "ClientRequestToken", "RotationToken", "Other"];
        let fields = names.map(str::to_owned).into_iter().zip([step, secret, version, token, other.clone()]);
        let event: Value = serde_json::from_str(&object(fields)).unwrap_or_default();
        for event in [event, serde_json::from_str(&other).unwrap_or_default()] {
            match RotationEvent::parse(event.clone()) {
                Ok(parsed) => {
                    prop_assert!(Step::ALL.contains(&parsed.step));
                    prop_assert_eq!(Some(parsed.secret.as_str()), event["SecretId"].as_str());
                    prop_assert_eq!(Some(parsed.version.as_str()), event["ClientRequestToken"].as_str());
                    let printed = format!("{parsed:?} {:?}", parsed.request());
                    prop_assert!(!printed.contains(HUSH), "{}", printed);
                }
                Err(error) => {
                    prop_assert_eq!(error.kind(), ErrorKind::EventInvalid);
                    prop_assert!(!said(&error).contains(HUSH), "{}", said(&error));
                }
            }
        }
    }
}
