//! Whether one document follows from another.

use super::fields::Document;
use super::names::{ACCESS_KEY, CLIENT, CLIENTS, Pair, is_token_field};
use super::plan::SecretRotation;

impl Document {
    /// Returns whether a rotation of `current` can have produced this document: they differ only in the token's fields,
    /// and in the client's or access key's fields if the document rotates these.
    pub fn follows_from(&self, current: &Self) -> bool {
        let Some(rotation) = current.secret_rotation().ok().flatten() else {
            return self.matches_except(current, is_token_field);
        };
        let (renewed, has_valid_successor): (&Pair, bool) = match rotation {
            SecretRotation::AccessKeys { .. } => (&ACCESS_KEY, self.has_successor_of(current)),
            SecretRotation::Alternating { .. } | SecretRotation::InPlace => {
                (&CLIENT, self.client_ids() == current.client_ids())
            }
            SecretRotation::Adoption => (&CLIENT, self.client_id().ok() == current.client_id().ok()),
        };
        let is_written = |name: &str| is_token_field(name) || renewed.has_field(name) || name == CLIENTS;
        has_valid_successor && self.matches_except(current, is_written)
    }

    /// Returns whether both documents have the same fields with the same bytes.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }

    fn matches_except(&self, other: &Self, is_ignored: impl Fn(&str) -> bool) -> bool {
        let compared = |entry: &(&str, &str)| !is_ignored(entry.0);
        self.entries().filter(compared).eq(other.entries().filter(compared))
    }
}
