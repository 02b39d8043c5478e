//! JSON texts, with the spellings that a parser into a tree would change.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::HUSH;

/// The fields of an object in order, each with its JSON text.
pub type Fields = Vec<(String, String)>;

/// The names that a document gives a meaning to, or names like them.
pub const NAMES: [&str; 32] = [
    "access_key_id",
    "accessKeySecret",
    "access_key_secret",
    "access_token",
    "accept_gap",
    "admin_credentials",
    "area",
    "client_id",
    "clientId",
    "clientSecret",
    "client_secret",
    "clients",
    "credentials",
    "expires_at",
    "GENESYSCLOUD_OAUTHCLIENT_ID",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET",
    "GENESYSCLOUD_REGION",
    "issued_at",
    "issuer",
    "name",
    "platform",
    "probes",
    "realm",
    "region",
    "resource_owner",
    "rotate",
    "scopes",
    "tenantId",
    "tenant_id",
    "token",
    "token_expires_in",
    "token_type",
];

/// Any JSON value as text.
pub fn value() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![Just("null".to_owned()), any::<bool>().prop_map(|boolean| boolean.to_string()), number(), text(),];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..4), space())
                .prop_map(|(items, space)| format!("[{}{space}]", items.join(&format!("{space},")))),
            btree_map(any::<String>(), inner, 0..4).prop_map(object),
        ]
    })
}

/// A value that a document's field may have: of the right form, nearly so, or anything.
pub fn plausible_value() -> impl Strategy<Value = String> {
    let words = [
        "access",
        "api-token",
        "client_secret",
        "eu-west-1",
        "generated",
        "genesys-cloud",
        "https://cxone.niceincontact.com",
        "mypurecloud.ie",
        "na1",
        "nice-cxone",
        "other/secret",
        "token",
        "us-22",
        "2026-01-02T03:04:05Z",
        "GET /api/v2/x",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(quote);
    let secret = any::<String>().prop_map(|text| quote(format!("{text}{HUSH}")));
    let id = prop::sample::select(vec!["a", "b", "c"]).prop_map(quote);
    let entry = |id: &'static str, secret: &'static str| {
        vec((prop::sample::select(vec!["a", "b", "c"]), any::<String>()), 0..4).prop_map(move |entries| {
            let entries = entries
                .iter()
                .map(|(name, text)| format!(r#"{{"{id}":"{name}","{secret}":{}}}"#, quote(format!("{text}{HUSH}"))));
            format!("[{}]", entries.collect::<Vec<_>>().join(","))
        })
    };
    let texts = vec(prop::sample::select(words.to_vec()).prop_map(quote), 0..25);
    prop_oneof![
        3 => word,
        3 => secret,
        2 => id,
        1 => entry("client_id", "client_secret"),
        1 => entry("access_key_id", "access_key_secret"),
        1 => texts.prop_map(|texts| format!("[{}]", texts.join(","))),
        1 => value(),
    ]
}

/// Fields with distinct names. Half of them have names that a document gives a meaning to.
pub fn fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![any::<String>(), prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)];
    vec((name, prop_oneof![value(), plausible_value()]), 0..12).prop_map(|fields| {
        let mut distinct: Fields = Vec::new();
        for (name, json) in fields {
            if !distinct.iter().any(|(known, _)| *known == name) {
                distinct.push((name, json));
            }
        }
        distinct
    })
}

/// An object as a document writes it.
pub fn object(fields: impl IntoIterator<Item = (String, String)>) -> String {
    let fields = fields.into_iter().map(|(name, json)| format!("{}:{json}", quote(&name)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

pub fn quote(text: impl AsRef<str>) -> String {
    serde_json::Value::from(text.as_ref()).to_string()
}

fn number() -> impl Strategy<Value = String> {
    regex("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?")
}

fn text() -> impl Strategy<Value = String> {
    let escaped = r#""([a-z]|\\u00[0-7][0-9a-f]|\\u[1-9][0-9a-f]{3}|\\[nrt"\\/bf]){0,8}""#;
    prop_oneof![any::<String>().prop_map(quote), regex(escaped)]
}

fn space() -> impl Strategy<Value = String> {
    regex("[ \t\r\n]{0,3}")
}

/// Texts that match a pattern. A pattern that is used as a strategy itself is parsed again for every text.
pub fn regex(pattern: &str) -> impl Strategy<Value = String> {
    prop::string::string_regex(pattern).expect("a valid pattern")
}
