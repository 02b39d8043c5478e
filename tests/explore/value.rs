//! The documents of the scenes, and a stored value with the fields that the checks need.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::hash::{mix, of_text};
use crate::scene::Mode;

/// The secret under rotation, and the secret of its administrator.
pub const SECRET: &str = "secret";
pub const ADMIN: &str = "admin";
/// The clients: the one in use, the second one of an alternating document, and the administrator's.
pub const FIRST: &str = "c1";
pub const SECOND: &str = "c2";
pub const ADMIN_CLIENT: &str = "ca";

pub const ADMIN_DOCUMENT: &str =
    r#"{"region":"mypurecloud.ie","client_id":"ca","client_secret":"sa","rotates":["c1","c2"]}"#;

const TOKEN_FIELDS: [&str; 4] = ["access_token", "token_type", "issued_at", "expires_at"];

/// A stored value.
#[derive(Clone, Debug)]
pub struct Value {
    pub text: String,
    pub hash: u64,
    /// The client or access key in use, its secret, and the token.
    pub id: String,
    pub secret: String,
    pub token: String,
    /// The ids of every client or access key of the document.
    pub ids: Vec<String>,
    /// The hash of the fields that no rotation writes, in their order.
    pub kept: u64,
    fields: Fields,
}

/// The fields of a document, in their order and with their bytes.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Value {
    pub fn parse(text: &str, mode: Mode) -> Self {
        let fields: Fields = serde_json::from_str(text).unwrap_or_default();
        let (id, secret) = match mode {
            Mode::AccessKeys => ("access_key_id", "access_key_secret"),
            _ => ("client_id", "client_secret"),
        };
        let is_written = |name: &str| TOKEN_FIELDS.contains(&name) || mode.written().contains(&name);
        let kept = fields.0.iter().filter(|(name, _)| !is_written(name));
        let kept = kept.fold(0, |hash, (name, json)| mix(mix(hash, of_text(name)), of_text(json)));
        let mut ids = vec![fields.text(id)];
        let listed: Vec<Fields> =
            fields.json("clients").and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
        ids.extend(listed.iter().map(|entry| entry.text(id)));
        Self {
            hash: of_text(text),
            id: fields.text(id),
            secret: fields.text(secret),
            token: fields.text("access_token"),
            ids,
            kept,
            text: text.to_owned(),
            fields,
        }
    }

    /// This value with a field replaced.
    pub fn with(&self, name: &str, json: &str, mode: Mode) -> Self {
        let mut fields = self.fields.clone();
        match fields.0.iter_mut().find(|(field, _)| field == name) {
            Some(field) => field.1 = json.to_owned(),
            None => fields.0.push((name.to_owned(), json.to_owned())),
        }
        Self::parse(&fields.to_text(), mode)
    }

    /// This value with another secret for a client, wherever the document names it.
    pub fn with_secret_of(&self, id: &str, secret: &str, mode: Mode) -> Self {
        let in_list = |text: &str| {
            let Some(start) = text.find(&format!(r#""client_id":"{id}","client_secret":""#)) else {
                return text.to_owned();
            };
            let from = start + text[start..].find(r#"secret":""#).expect("a secret") + 9;
            let end = from + text[from..].find('"').expect("an end");
            format!("{}{secret}{}", &text[..from], &text[end..])
        };
        let mut fields = self.fields.clone();
        if let Some(list) = fields.0.iter_mut().find(|(name, _)| name == "clients") {
            list.1 = in_list(&list.1);
        }
        let next = Self::parse(&fields.to_text(), mode);
        if self.id == id { next.with("client_secret", &format!("\"{secret}\""), mode) } else { next }
    }

    /// A text field; empty without it.
    pub fn text_of(&self, name: &str) -> String {
        self.fields.text(name)
    }

    /// This value without a field.
    pub fn without(&self, name: &str, mode: Mode) -> Self {
        let fields = Fields(self.fields.0.iter().filter(|(field, _)| field != name).cloned().collect());
        Self::parse(&fields.to_text(), mode)
    }

    /// These settings with the token of another value, as the engine's static roles store it.
    pub fn with_token_of(&self, other: &Self, mode: Mode) -> Self {
        let mut fields =
            Fields(self.fields.0.iter().filter(|(name, _)| !TOKEN_FIELDS.contains(&name.as_str())).cloned().collect());
        fields.0.extend(other.fields.0.iter().filter(|(name, _)| TOKEN_FIELDS.contains(&name.as_str())).cloned());
        Self::parse(&fields.to_text(), mode)
    }
}

impl Fields {
    fn json(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, json)| json.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.json(name).map(|json| json.trim_matches('"').to_owned()).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        let fields: Vec<String> = self.0.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key()? {
            let json: &RawValue = map.next_value()?;
            fields.0.push((name, json.get().to_owned()));
        }
        Ok(fields)
    }
}

/// The document at the start of a schedule: rotated before, with an unknown field in the middle.
pub fn document(mode: Mode) -> String {
    let client = r#""region":"mypurecloud.ie","client_id":"c1","client_secret":"s1""#;
    let fields = match mode {
        Mode::Token => client.to_owned(),
        Mode::Generated => format!(r#"{client},"token":"generated","resource_owner":"o""#),
        Mode::InPlace => format!(r#"{client},"rotate":"client_secret","accept_gap":true"#),
        Mode::Alternating => format!(
            r#"{client},"rotate":"client_secret","admin_credentials":"admin","clients":[{{"client_id":"c1","client_secret":"s1"}},{{"client_id":"c2","client_secret":"s2"}}]"#
        ),
        Mode::AccessKeys => {
            r#""platform":"nice-cxone","area":"na1","rotate":"client_secret","access_key_id":"c1","access_key_secret":"s1""#.to_owned()
        }
    };
    format!(
        r#"{{"unknown":1.50,{fields},"access_token":"t1","token_type":"bearer","issued_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z","note":0}}"#
    )
}
