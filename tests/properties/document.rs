//! The stored document.

use std::time::Duration;

use genesys_rotator::rotation::{Document, ErrorKind, IssuedToken};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::json::{Fields, fields, object, quote, value};
use crate::{HUSH, said};

const TOKEN_FIELDS: [&str; 4] = ["access_token", "token_type", "issued_at", "expires_at"];

fn parse(text: &str) -> Document {
    Document::parse(&SecretString::from(text)).expect("a document")
}

fn text(document: &Document) -> String {
    document.to_value().expect("a small document").expose_secret().to_owned()
}

fn token() -> impl Strategy<Value = (IssuedToken, Timestamp)> {
    let seconds = -377_705_023_201_i64..=253_402_207_200;
    (any::<String>(), any::<String>(), any::<Duration>(), seconds, 0..1_000_000_000).prop_map(
        |(access_token, token_type, lifetime, seconds, nanoseconds)| {
            let issued_at = Timestamp::new(seconds, nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
            (IssuedToken { access_token: access_token.into(), token_type, lifetime, tenant_id: None }, issued_at)
        },
    )
}

fn ordinary_token() -> (IssuedToken, Timestamp) {
    let token = IssuedToken {
        access_token: "fresh".into(),
        token_type: "bearer".to_owned(),
        lifetime: Duration::from_secs(86_399),
        tenant_id: None,
    };
    (token, Timestamp::UNIX_EPOCH)
}

/// Sets a field as the document does: in its place, or at the end.
fn set(fields: &mut Fields, name: &str, json: String) {
    match fields.iter_mut().find(|(known, _)| known == name) {
        Some(field) => field.1 = json,
        None => fields.push((name.to_owned(), json)),
    }
}

fn renews_a_secret(document: &Document) -> bool {
    document.secret_rotation().is_ok_and(|rotation| rotation.is_some())
}

proptest! {
    #[test]
    fn fields_keep_their_bytes_and_order(fields in fields(), space in "[ \t\r\n]{0,3}") {
        let stored = object(fields.clone());
        prop_assert_eq!(&text(&parse(&stored)), &stored);
        // The whitespace between fields is not part of any field.
        let loose = fields.iter().map(|(name, json)| format!("{space}{}{space}:{space}{json}{space}", quote(name)));
        let loose = format!("{space}{{{}}}{space}", loose.collect::<Vec<_>>().join(","));
        prop_assert_eq!(text(&parse(&loose)), stored);
    }

    #[test]
    fn a_new_token_changes_its_own_fields_only(mut fields in fields(), (token, issued_at) in token()) {
        let document = parse(&object(fields.clone()));
        let Ok(rotated) = document.with_token(&token, issued_at) else { return Ok(()) };
        set(&mut fields, "access_token", quote(token.access_token.expose_secret()));
        set(&mut fields, "token_type", quote(&token.token_type));
        let (issued, expires) = (rotated.issued_at().expect("a time"), rotated.expires_at().expect("a time"));
        set(&mut fields, "issued_at", quote(issued.to_string()));
        set(&mut fields, "expires_at", quote(expires.to_string()));
        prop_assert_eq!(text(&rotated), object(fields));
        prop_assert_eq!((issued.subsec_nanosecond(), expires.subsec_nanosecond()), (0, 0));
        prop_assert!(expires.as_second().abs_diff(issued.as_second()).abs_diff(token.lifetime.as_secs()) <= 1);
        prop_assert!(renews_a_secret(&document) || rotated.follows_from(&document));
    }

    #[test]
    fn the_token_of_another_document_replaces_the_own_one(own in fields(), other in fields()) {
        let is_token = |field: &&(String, String)| TOKEN_FIELDS.contains(&field.0.as_str());
        let merged = parse(&object(own.clone())).with_token_of(&parse(&object(other.clone())));
        let expected = own.iter().filter(|field| !is_token(field)).chain(other.iter().filter(is_token));
        prop_assert_eq!(text(&merged), object(expected.cloned()));
    }

    #[test]
    fn an_edit_of_any_other_field_is_not_a_rotation(
        mut fields in fields(), index in any::<prop::sample::Index>(), edit in value(), removes in any::<bool>(),
    ) {
        let (token, now) = ordinary_token();
        let document = parse(&object(fields.clone()));
        if renews_a_secret(&document) || fields.is_empty() { return Ok(()); }
        let rotated = document.with_token(&token, now).expect("an ordinary lifetime");
        let index = index.index(fields.len());
        if TOKEN_FIELDS.contains(&fields[index].0.as_str()) || fields[index].1 == edit { return Ok(()); }
        if removes { fields.remove(index); } else { fields[index].1 = edit; }
        let edited = parse(&object(fields));
        if renews_a_secret(&edited) { return Ok(()); }
        prop_assert!(!rotated.follows_from(&edited) && !edited.follows_from(&document));
    }

    #[test]
    fn a_duplicate_field_is_rejected(fields in fields(), index in any::<prop::sample::Index>(), again in value()) {
        if fields.is_empty() { return Ok(()); }
        let name = fields[index.index(fields.len())].0.clone();
        let text = object(fields.into_iter().chain([(name, again)]));
        let error = Document::parse(&SecretString::from(text)).expect_err("a duplicate field");
        prop_assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    }

    #[test]
    fn no_field_makes_a_reader_panic_or_an_error_show_a_value(fields in fields()) {
        let is_place = |name: &str| !name.contains("ecret") && !name.contains("SECRET");
        let is_misplaced = fields.iter().any(|(name, json)| is_place(name) && json.contains(HUSH));
        let document = parse(&object(fields));
        let errors = [
            document.platform().err(),
            document.credential_source().err(),
            document.credentials().err(),
            document.place().err(),
            document.token_kind().err(),
            document.secret_rotation().err(),
            document.probes().err(),
            document.access_token().err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(!said(&error).contains(HUSH), "{}", said(&error));
            prop_assert!(matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::UnknownRegion), "{error}");
        }
        let keys = (document.credentials().ok(), document.credential_source().ok());
        let printed = format!("{document:?} {keys:?}");
        prop_assert!(is_misplaced || !printed.contains(HUSH), "{}", printed);
        let _ = (document.expires_at(), document.issued_at(), document.token_type(), document.is_rotated());
    }

    #[test]
    fn any_other_text_is_rejected_without_being_quoted(
        start in any::<String>(), end in any::<String>(), fields in fields(), cut in any::<prop::sample::Index>(),
    ) {
        let whole = object(fields);
        let cut = whole.char_indices().map(|(at, _)| at).nth(cut.index(whole.chars().count())).unwrap_or(0);
        for text in [format!("{start}{HUSH}{end}"), format!("{{\"{start}\":\"{HUSH}"), whole[..cut].to_owned()] {
            if let Err(error) = Document::parse(&SecretString::from(text)) {
                prop_assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
                prop_assert!(!said(&error).contains(HUSH), "{}", said(&error));
            }
        }
    }
}
