//! Secret values that cannot be printed: `Debug` shows a placeholder, there is
//! no `Display`, and memory is zeroed on drop.

pub use secrecy::{ExposeSecret, SecretString};

/// Whether two secrets hold the same text.
///
/// Both come out of the same store and neither is a guess made by a stranger,
/// so this need not run in constant time.
pub fn same(left: &SecretString, right: &SecretString) -> bool {
    left.expose_secret() == right.expose_secret()
}
