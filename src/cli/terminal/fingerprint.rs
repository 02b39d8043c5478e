//! Text that identifies a token without revealing it.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::secret::SecretString;

/// The first 4 bytes of the SHA-256, in hexadecimal.
pub(crate) fn fingerprint(token: &SecretString) -> String {
    let digest = Sha256::digest(token.expose_secret().as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
