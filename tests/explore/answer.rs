//! What the ports answer: a digest for the states that were seen, and a text for the steps of a schedule.

use genesys_rotator::rotation::{
    Description, IssuedToken, KeyOwner, KeyPair, LabelledVersion, Staged, StoredValue, VersionId,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};

use crate::hash::{mix, of_text};
use crate::store::Store;

/// An answer of a port.
pub trait Answer {
    /// A hash of everything that the caller learns. Ids that the caller cannot choose count by their names.
    fn digest(&self, store: &Store) -> u64;

    /// The answer in words.
    fn shown(&self) -> String;
}

impl Answer for () {
    fn digest(&self, _: &Store) -> u64 {
        0
    }

    fn shown(&self) -> String {
        "done".to_owned()
    }
}

impl Answer for Description {
    fn digest(&self, store: &Store) -> u64 {
        let labels = |version: &LabelledVersion| version.labels.iter().fold(0, |hash, label| hash ^ of_text(label));
        let of = |version: &LabelledVersion| mix(store.name_of(&version.id), labels(version));
        mix(
            self.versions.iter().fold(0, |hash, version| hash ^ of(version)),
            self.rotation_enabled.map_or(2, u64::from),
        )
    }

    fn shown(&self) -> String {
        let of = |version: &LabelledVersion| format!("{} has {}", version.id, version.labels.join(" "));
        self.versions.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

impl Answer for Option<StoredValue> {
    fn digest(&self, store: &Store) -> u64 {
        let of = |value: &StoredValue| {
            mix(value.text.digest(store), value.version.as_ref().map_or(0, |id| store.name_of(id)))
        };
        self.as_ref().map_or(0, of)
    }

    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "no value".to_owned(), |value| value.text.shown())
    }
}

impl Answer for Option<SecretString> {
    fn digest(&self, store: &Store) -> u64 {
        self.as_ref().map_or(0, |value| value.digest(store))
    }

    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "no value".to_owned(), Answer::shown)
    }
}

impl Answer for SecretString {
    fn digest(&self, _: &Store) -> u64 {
        of_text(self.expose_secret())
    }

    /// A document is shown without the fields that no schedule changes.
    fn shown(&self) -> String {
        let text = self.expose_secret();
        let fixed = [
            r#""region":"mypurecloud.ie","#,
            r#""token_type":"bearer","#,
            r#""platform":"nice-cxone","#,
            r#""area":"na1","#,
        ];
        fixed.iter().fold(text.to_owned(), |text, field| text.replace(field, ""))
    }
}

impl Answer for Staged {
    fn digest(&self, _: &Store) -> u64 {
        *self as u64
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Answer for IssuedToken {
    fn digest(&self, store: &Store) -> u64 {
        self.access_token.digest(store)
    }

    fn shown(&self) -> String {
        format!("token {}", self.access_token.shown())
    }
}

impl Answer for KeyOwner {
    fn digest(&self, _: &Store) -> u64 {
        0
    }

    fn shown(&self) -> String {
        self.user_id.clone()
    }
}

impl Answer for KeyPair {
    fn digest(&self, store: &Store) -> u64 {
        mix(of_text(&self.id), self.secret.digest(store))
    }

    fn shown(&self) -> String {
        format!("{} with {}", self.id, self.secret.shown())
    }
}

impl Answer for VersionId {
    fn digest(&self, store: &Store) -> u64 {
        store.name_of(self)
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}
