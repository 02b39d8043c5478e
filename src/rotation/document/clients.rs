//! The list of clients or access keys that alternate: which entry is idle, and the document after the switch.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::fields::{Document, invalid};
use super::names::{ACCESS_KEY, CLIENT, CLIENTS, CREDENTIALS};
use crate::rotation::credentials::keys::{Credentials, KeyPair};
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::error::Result;

/// An entry of the list of clients.
#[derive(Deserialize)]
struct ClientEntry {
    client_id: String,
    /// Read only to check that it is present.
    client_secret: Zeroizing<String>,
}

impl Document {
    /// Returns the id of the idle client: the entry of the list that `client_id` does not name.
    pub(super) fn idle_client(&self) -> Result<String> {
        let clients: Vec<ClientEntry> =
            self.value(CLIENTS, r#"a list such as [{"client_id":"…","client_secret":"…"},{…}]"#)?.unwrap_or_default();
        let [first, second] = clients.as_slice() else {
            return Err(invalid(format!("clients lists {} clients; it must list two", clients.len()))
                .with_hint("one client is active while the other one gets a new secret"));
        };
        if clients.iter().any(|client| client.client_id.is_empty() || client.client_secret.is_empty()) {
            return Err(invalid("an entry of clients has an empty client_id or client_secret")
                .with_hint("store both for the active client and for the idle one"));
        }
        let active = self.client_id()?.ok_or_else(|| {
            invalid("client_id is missing: it selects the active client of clients")
                .with_hint("add client_id and client_secret of one of the two clients")
        })?;
        if first.client_id == second.client_id {
            return Err(invalid("clients lists the same client twice")
                .with_hint("create a second OAuth client with the same roles"));
        }
        let idle = match () {
            () if active == first.client_id => second,
            () if active == second.client_id => first,
            () => {
                return Err(invalid("client_id matches no entry in clients")
                    .with_hint("set client_id to the id of the active client"));
            }
        };
        Ok(idle.client_id.clone())
    }

    /// Returns the id of the access key before the active one; `None` before the first rotation.
    pub(super) fn idle_access_key(&self) -> Result<Option<String>> {
        let active = self.pair(&ACCESS_KEY)?.ok_or_else(|| {
            invalid(r#""rotate": "client_secret" needs an access key in the same document"#).with_hint(
                "store access_key_id and access_key_secret in this document; a legacy application (realm) has no access key, and only NICE can renew its secret",
            )
        })?;
        let ids =
            self.clients()?.unwrap_or_default().into_iter().map(|entry| Ok(entry.pair(&ACCESS_KEY)?.map(|key| key.id)));
        let ids: Option<Vec<String>> = ids.collect::<Result<Option<_>>>()?;
        match ids.as_deref() {
            Some([]) => Ok(None),
            Some([only]) if *only == active.id => Ok(None),
            Some([first, second]) if first != second && *first == active.id => Ok(Some(second.clone())),
            Some([first, second]) if first != second && *second == active.id => Ok(Some(first.clone())),
            _ => Err(invalid("clients does not match the document's access key").with_hint(
                r#"remove clients, and the next rotation writes it again; or list the active key and the one before it: [{"access_key_id":"…","access_key_secret":"…"},{…}]"#,
            )),
        }
    }

    /// Returns this document with `client` as the active one, also in the list of clients if there is one.
    ///
    /// # Errors
    /// `DocumentInvalid` if the list cannot be read.
    pub(crate) fn with_client(&self, client: &KeyPair) -> Result<Self> {
        let mut next = self.clone();
        next.set_pair(&CLIENT, client);
        let Some(mut clients) = self.clients()? else { return Ok(next) };
        for entry in clients.iter_mut().filter(|entry| entry.listed_id().as_ref() == Some(&client.id)) {
            entry.set_pair(&CLIENT, client);
        }
        next.set_clients(&clients);
        Ok(next)
    }

    /// Returns this document with `key` as the active access key. The list of clients then holds the new key and the one
    /// that was active so far.
    ///
    /// # Errors
    /// `DocumentInvalid` if the list cannot be read.
    pub(crate) fn with_access_key(&self, key: &KeyPair) -> Result<Self> {
        let active = self.pair(&ACCESS_KEY)?;
        let mut next = self.clone();
        next.set_pair(&ACCESS_KEY, key);
        let mut listed = self.clients()?.unwrap_or_default();
        if let (true, Some(active)) = (listed.is_empty(), &active) {
            listed.push(Self::of_pair(&ACCESS_KEY, active));
        }
        let active = active.map(|key| key.id);
        match listed.iter_mut().find(|entry| entry.access_key_id() != active) {
            Some(idle) => idle.set_pair(&ACCESS_KEY, key),
            None => listed.push(Self::of_pair(&ACCESS_KEY, key)),
        }
        next.set_clients(&listed);
        Ok(next)
    }

    /// Returns whether the client or access key of `credentials` alternates in this document.
    pub(crate) fn alternates(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::Cxone { .. } => self.has_access_key(credentials.access_key_id()),
            Credentials::GenesysCloud { client, .. } => {
                self.client_ids().is_some_and(|ids| ids.iter().flatten().any(|id| *id == client.id))
            }
        }
    }

    /// Returns whether the document uses or lists an access key.
    pub(crate) fn has_access_key(&self, id: &str) -> bool {
        let listed = self.clients().ok().flatten().unwrap_or_default();
        std::iter::once(self).chain(&listed).any(|entry| entry.access_key_id().as_deref() == Some(id))
    }

    pub(crate) fn access_key_id(&self) -> Option<String> {
        self.pair(&ACCESS_KEY).ok().flatten().map(|key| key.id)
    }

    /// Returns whether a rotation of `current` can have produced this document's access keys: the key is another one, and
    /// the list holds the key of `current`.
    pub(super) fn has_successor_of(&self, current: &Self) -> bool {
        let former = current.access_key_id();
        let listed = self.clients().ok().flatten().unwrap_or_default();
        former.is_some() && self.access_key_id() != former && listed.iter().any(|entry| entry.access_key_id() == former)
    }

    /// Returns whether the document names an OAuth client of its own and has no secret for it.
    pub(super) fn lacks_client_secret(&self) -> bool {
        let has = |names: &[&str]| names.iter().any(|name| self.json(name).is_some_and(|json| json != "null"));
        let is_genesys_cloud = self.platform().is_ok_and(|name| name == PlatformName::GenesysCloud.name());
        is_genesys_cloud && has(CLIENT.id) && !has(CLIENT.secret) && !has(&[CREDENTIALS, CLIENTS])
    }

    pub(crate) fn client_ids(&self) -> Option<Vec<Option<String>>> {
        let clients = self.clients().ok()??;
        Some(clients.iter().map(Self::listed_id).collect())
    }

    fn listed_id(&self) -> Option<String> {
        self.client_id().ok().flatten()
    }

    fn clients(&self) -> Result<Option<Vec<Self>>> {
        let read = |json| serde_json::from_str(json).map_err(|_| invalid("the field clients is not a list of clients"));
        self.json(CLIENTS).map(read).transpose()
    }

    fn set_clients(&mut self, clients: &[Self]) {
        let texts: Vec<_> = clients.iter().map(Self::to_text).collect();
        let mut list = Zeroizing::new(String::from("["));
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            list.push_str(text);
        }
        list.push(']');
        self.set_json(CLIENTS, list);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(value: &Value) -> Document {
        Document::parse(&value.to_string().into()).expect("a document")
    }

    #[test]
    fn the_idle_client_is_the_listed_one_that_is_not_active() {
        let idle = |active: Value, clients: Value| {
            let document = document(&json!({"client_id": active, "client_secret": "s", "clients": clients}));
            document.idle_client().map_err(|error| error.to_string())
        };
        let entry = |id: &str| json!({"client_id": id, "client_secret": "s"});
        let both = json!([entry("a"), entry("b")]);
        assert_eq!(idle(json!("a"), both.clone()).as_deref(), Ok("b"));
        assert_eq!(idle(json!("b"), both.clone()).as_deref(), Ok("a"));
        let no_secret = json!({"client_id": "b", "client_secret": ""});
        for (active, clients, words) in [
            (json!("c"), both.clone(), "matches no entry"),
            (json!(""), both, "client_id"),
            (json!("a"), json!([entry("a"), entry("a")]), "the same client twice"),
            (json!("a"), json!([entry("a"), no_secret]), "an empty client_id or client_secret"),
            (json!("a"), json!([entry("a"), entry("")]), "an empty client_id or client_secret"),
            (json!("a"), json!([entry("a")]), "lists 1 clients"),
        ] {
            let error = idle(active, clients).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_idle_access_key_is_the_listed_one_that_is_not_active() {
        let keys = |active: &str, listed: &[&str]| {
            let entry = |id: &&str| json!({"access_key_id": id, "access_key_secret": "s"});
            let clients: Vec<_> = listed.iter().map(entry).collect();
            document(&json!({"access_key_id": active, "access_key_secret": "s", "clients": clients}))
        };
        let idle = |listed: &[&str]| keys("a", listed).idle_access_key().ok();
        assert_eq!(idle(&[]), Some(None));
        assert_eq!(idle(&["a"]), Some(None));
        assert_eq!(idle(&["a", "b"]), Some(Some("b".to_owned())));
        assert_eq!(idle(&["b", "a"]), Some(Some("b".to_owned())));
        for mismatch in [&["b"][..], &["a", "a"], &["b", "c"], &["a", "b", "c"]] {
            assert_eq!(idle(mismatch), None, "{mismatch:?}");
        }
        let current = keys("a", &["a", "b"]);
        assert!(keys("c", &["a", "c"]).has_successor_of(&current));
        assert!(!keys("a", &["a", "c"]).has_successor_of(&current), "the same key");
        assert!(!keys("c", &["b", "c"]).has_successor_of(&current), "the key of the current document is not listed");
        assert!(!keys("c", &["a", "c"]).has_successor_of(&document(&json!({}))));
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::rotation::document::names::Pair;
    use crate::rotation::document::plan::SecretRotation;
    use crate::secret::{ExposeSecret, SecretString};

    /// The fields of a key under some of its names, which all hold the same value.
    fn key(names: &'static Pair, id: &'static str, secret: &'static str) -> impl Strategy<Value = Vec<String>> {
        let field = move |names: &'static [&'static str], value: &'static str| {
            subsequence(names, 1..=names.len())
                .prop_map(move |names| names.iter().map(|name| format!(r#""{name}":"{value}""#)).collect::<Vec<_>>())
        };
        (field(names.id, id), field(names.secret, secret)).prop_map(|(ids, secrets)| [ids, secrets].concat())
    }

    /// Fields that no rotation writes.
    fn others() -> impl Strategy<Value = Vec<String>> {
        let field = prop::sample::select(vec!["1.50", "1e400", r#""\u0041""#, "[ 1,2 ]", "{}", "null"]);
        vec(field, 0..4).prop_map(|values| {
            values.iter().enumerate().map(|(index, json)| format!(r#""other{index}":{json}"#)).collect()
        })
    }

    fn document(fields: &[Vec<String>], settings: &str, seed: usize) -> Document {
        let mut fields = fields.concat();
        let turn = seed % fields.len().max(1);
        fields.rotate_left(turn);
        let text = format!("{{{settings}{}}}", fields.join(","));
        Document::parse(&SecretString::from(text)).expect("a document")
    }

    fn new_key() -> KeyPair {
        KeyPair { id: "new".to_owned(), secret: SecretString::from("new-secret") }
    }

    fn kept(document: &Document) -> Vec<(String, String)> {
        let is_kept = |name: &str| !CLIENT.has_field(name) && !ACCESS_KEY.has_field(name) && name != CLIENTS;
        let entries = document.entries().filter(|(name, _)| is_kept(name));
        entries.map(|(name, json)| (name.to_owned(), json.to_owned())).collect()
    }

    fn pair_of(document: &Document, names: &Pair) -> Option<(String, String)> {
        let pair = document.pair(names).expect("every name holds the same value")?;
        Some((pair.id, pair.secret.expose_secret().to_owned()))
    }

    #[test]
    fn a_new_key_replaces_the_old_one_under_all_of_its_names() {
        for (fields, names) in [
            (r#""client_id":"a","clientId":"a","clientSecret":"x","client_secret":"x""#, &CLIENT),
            (r#""client_id":null,"clientId":"a","GENESYSCLOUD_OAUTHCLIENT_SECRET":"x""#, &CLIENT),
            (r#""access_key_id":"a","accessKeyId":"a","accessKeySecret":"x""#, &ACCESS_KEY),
            ("", &CLIENT),
        ] {
            let mut document = document(&[vec![fields.to_owned()]], "", 0);
            document.set_pair(names, &new_key());
            assert_eq!(pair_of(&document, names), Some(("new".to_owned(), "new-secret".to_owned())), "{fields}");
            assert!(!document.to_text().contains(r#""x""#), "{fields}: the old secret is gone");
        }
    }

    proptest! {
        #[test]
        fn a_new_client_secret_reaches_every_name_and_changes_nothing_else(
            client in key(&CLIENT, "active", "old"), others in others(), seed in any::<usize>(), alternates in any::<bool>(),
            spare in prop::sample::select(vec!["", r#","clientSecret":"x""#, r#","clientSecret":"x","note":1.0"#]),
        ) {
            let settings = if alternates {
                let entry = |id: &str| format!(r#"{{"client_id":"{id}","client_secret":"x"{spare}}}"#);
                let clients = format!(r#""clients":[{},{}]"#, entry("active"), entry("new"));
                format!(r#""rotate":"client_secret","admin_credentials":"admin",{clients},"#)
            } else {
                r#""rotate":"client_secret","accept_gap":true,"#.to_owned()
            };
            let current = document(&[client, others], &settings, seed);
            let next = current.with_client(&new_key()).expect("a list of clients");
            prop_assert_eq!(pair_of(&next, &CLIENT), Some(("new".to_owned(), "new-secret".to_owned())));
            prop_assert_eq!(kept(&next), kept(&current));
            prop_assert!(next.follows_from(&current));
            if alternates {
                let Ok(Some(SecretRotation::Alternating { idle, .. })) = next.secret_rotation() else {
                    panic!("{:?}", next.secret_rotation())
                };
                prop_assert_eq!(idle, "active");
                let entries = next.clients().expect("a list").expect("clients");
                prop_assert_eq!(pair_of(&entries[1], &CLIENT), Some(("new".to_owned(), "new-secret".to_owned())));
            }
        }

        #[test]
        fn a_new_access_key_reaches_every_name_and_the_list_keeps_the_former_one(
            key in key(&ACCESS_KEY, "active", "old"), others in others(), seed in any::<usize>(), turns in 1..4_usize,
        ) {
            let settings = r#""platform":"nice-cxone","area":"na1","rotate":"client_secret","#;
            let mut current = document(&[key, others], settings, seed);
            let mut former = "active".to_owned();
            for turn in 0..turns {
                let id = format!("new-{turn}");
                let new = KeyPair { id: id.clone(), secret: SecretString::from("new-secret") };
                let next = current.with_access_key(&new).expect("a list of keys");
                prop_assert_eq!(pair_of(&next, &ACCESS_KEY), Some((id.clone(), "new-secret".to_owned())));
                prop_assert_eq!(kept(&next), kept(&current));
                prop_assert!(next.follows_from(&current) && !current.follows_from(&next));
                prop_assert_eq!(next.idle_access_key().expect("two keys"), Some(former));
                prop_assert!(next.has_access_key(&id) && next.clients().expect("a list").is_some_and(|keys| keys.len() == 2));
                (current, former) = (next, id);
            }
        }
    }
}
