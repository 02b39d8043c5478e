//! JWTs with a random signature, and random texts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The alphabet of random texts.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Creates a unique token with these claims.
pub(super) fn token(claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "simulated" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.{}", encode(&header), encode(claims), random(86))
}

/// Creates a random text of `length` characters.
pub(super) fn random(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect()
}
