//! The claims of a token. They are hints: the platform still checks the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::place::is_tenant;

/// The claims that are read, if present (NICE developer portal, "CXone authentication").
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// The issuer.
    pub(super) issuer: Option<String>,
    /// The tenant id, if it has a valid form.
    pub(super) tenant_id: Option<String>,
    /// The time of expiry, in seconds since 1970.
    pub(super) expires: Option<i64>,
}

impl Claims {
    /// Reads the claims of a JWT without verifying its signature: it comes from the platform itself. Any other token has
    /// no claims.
    pub(super) fn of(token: &str) -> Self {
        let Some(payload) = payload(token) else { return Self::default() };
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            issuer: text("iss"),
            tenant_id: text("tenantId").filter(|id| is_tenant(id)),
            // RFC 7519, section 2: a number of seconds, which may have a fraction.
            expires: payload.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_f64().map(|exp| exp as i64))),
        }
    }
}

fn payload(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn claims_are_read_from_a_jwt() {
        let claims =
            Claims::of(&token(r#"{"iss":"https://cxone.niceincontact.com","tenantId":"t-1","exp":1700000000}"#));
        assert_eq!(claims.issuer.as_deref(), Some("https://cxone.niceincontact.com"));
        assert_eq!((claims.tenant_id.as_deref(), claims.expires), (Some("t-1"), Some(1_700_000_000)));
        assert_eq!(Claims::of(&token(r#"{"exp":1700000000.5}"#)).expires, Some(1_700_000_000));
    }

    #[test]
    fn any_other_token_has_no_claims() {
        for text in ["", "opaque", "a.b", "a.b.c.d", "a.!!.c", &token("[]"), &token("{"), &token(r#"{"exp":"soon"}"#)] {
            assert_eq!(Claims::of(text), Claims::default(), "{text}");
        }
        assert_eq!(Claims::of(&token(r#"{"tenantId":"a&b=c"}"#)).tenant_id, None);
    }
}
