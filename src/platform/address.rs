//! Recognizes a refusal of the caller's network address in an error body.
//!
//! Genesys Cloud has announced allow-lists of IP addresses for OAuth clients, and has not published what their refusals look
//! like. So every text of the body counts, whatever its field.

use serde_json::Value;

/// Plain text up to this size in bytes may come from the platform; longer text is a page.
const LONGEST_TEXT: usize = 512;
/// The words that only a refusal of an address has.
const WORDS: [&str; 9] =
    ["ip", "ips", "cidr", "allowlist", "allowlisted", "allow-list", "whitelist", "whitelisted", "white-list"];
/// The same, of two words.
const PHRASES: [&str; 3] = ["allow list", "network address", "source address"];

/// Returns whether an error body is about the caller's address. A web page is not: a proxy may print an address in it.
pub(super) fn is_about_address(body: &[u8]) -> bool {
    match serde_json::from_slice(body) {
        Ok(json) => any_text(&json, &is_address_text),
        Err(_) => std::str::from_utf8(body).is_ok_and(|text| {
            text.len() <= LONGEST_TEXT && !text.trim_start().starts_with('<') && is_address_text(text)
        }),
    }
}

fn any_text(json: &Value, holds: &impl Fn(&str) -> bool) -> bool {
    match json {
        Value::String(text) => holds(text),
        Value::Array(list) => list.iter().any(|json| any_text(json, holds)),
        Value::Object(fields) => fields.values().any(|json| any_text(json, holds)),
        _ => false,
    }
}

/// Whether a sentence, or a code such as `ip.not.authorized` or `ipNotAllowed`, names an address or an allow-list.
fn is_address_text(text: &str) -> bool {
    let is_code = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let spaced = if is_code { words_of_code(text) } else { text.to_owned() };
    let lower = spaced.to_ascii_lowercase();
    // A colon joins the parts of a permission's name.
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, ':' | '-'));
    words.any(|word| WORDS.contains(&word.trim_matches([':', '-'])))
        || PHRASES.iter().any(|phrase| lower.contains(phrase))
}

fn words_of_code(code: &str) -> String {
    let mut words = String::new();
    let mut was_small = false;
    for letter in code.chars() {
        if was_small && letter.is_ascii_uppercase() {
            words.push(' ');
        }
        was_small = letter.is_ascii_lowercase();
        words.push(if letter.is_ascii_alphanumeric() { letter } else { ' ' });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_or_a_sentence_names_the_address() {
        for text in [
            "ip.not.authorized",
            "ip_not_allowed",
            "client.ip.restricted",
            "ipNotAuthorized",
            "clientIpNotAllowed",
            "IP-NOT-ALLOWED",
            "invalid_ip",
            "cidr.not.allowed",
            "not.in.allowlist",
            "The IP address of the request is not authorized for this organization.",
            "client IP: not allowed",
            "the address is not on the allow list",
            "Request from a source address outside the configured CIDR range",
            "the client is not whitelisted.",
        ] {
            assert!(is_address_text(text), "{text}");
        }
        for text in [
            "invalid_client",
            "bad.credentials",
            "zip.code",
            "description",
            "Unable to perform the requested action. You are missing: directory:allowlist:view",
            "authentication failed",
            "5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10",
            "",
        ] {
            assert!(!is_address_text(text), "{text}");
        }
    }

    #[test]
    fn every_text_of_a_body_counts_but_no_web_page() {
        let page = format!("IP {}", "x".repeat(LONGEST_TEXT));
        for (body, expected) in [
            (r#"{"code":"ip.not.authorized"}"#, true),
            (r#"{"error":"access_denied","error_description":"IP not allowed"}"#, true),
            (r#"{"errors":[{"details":{"reason":"ip.blocked"}}]}"#, true),
            (r#""ip.not.authorized""#, true),
            ("IP address not allowed", true),
            (r#"{"error":"invalid_client","description":"authentication failed"}"#, false),
            (r#"{"ip":false,"status":403}"#, false),
            ("<html>Your IP address 192.0.2.1 is blocked</html>", false),
            ("  <!doctype html> IP", false),
            (page.as_str(), false),
            ("", false),
        ] {
            assert_eq!(is_about_address(body.as_bytes()), expected, "{body}");
        }
    }
}
