//! Secret values that cannot be printed: redacted `Debug`, no `Display`, zeroed on drop.

pub use secrecy::{ExposeSecret, SecretString};

/// Returns whether two secrets hold the same text.
///
/// Both come from the same store and neither is an attacker's guess, so the comparison need not run in constant time.
pub fn same(left: &SecretString, right: &SecretString) -> bool {
    left.expose_secret() == right.expose_secret()
}
