//! The revocation of the tokens that readers had before, and the older tokens that it cannot reach.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::exit::ErrorJson;
use crate::cli::terminal::output::Output;
use crate::rotation::{OlderTokens, Revocation, RotationError};

/// What `--revoke-previous` did for a secret.
pub(in crate::cli) struct PreviousEnd {
    pub(in crate::cli) result: Result<Revocation, RotationError>,
    /// Tokens of earlier rotations, which no labelled version holds.
    pub(in crate::cli) older: Option<OlderLeft>,
}

/// Tokens that could not be revoked because no labelled version holds them.
pub(in crate::cli) struct OlderLeft {
    pub(in crate::cli) tokens: OlderTokens,
    /// The largest number of them; `None` if the store does not tell.
    pub(in crate::cli) at_most: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct PreviousEndJson {
    /// `revoked`, `nothing_to_revoke`, `not_offered` or `failed`.
    outcome: &'static str,
    /// Expiry of the last token, on a platform that cannot revoke tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Tokens of earlier rotations that were not revoked and may be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<OlderJson>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct OlderJson {
    /// Null if the store does not tell.
    at_most: Option<usize>,
    until: String,
}

impl PreviousEnd {
    /// What follows the outcome of the rotation in its line.
    pub(in crate::cli) fn text(&self) -> String {
        match &self.result {
            Ok(Revocation::Revoked) => "; the previous token is revoked".to_owned(),
            Ok(Revocation::NothingToRevoke) => "; there was no previous token to revoke".to_owned(),
            Ok(Revocation::NotOffered(None)) => {
                "; the previous token cannot be revoked and stays valid until it expires".to_owned()
            }
            Ok(Revocation::NotOffered(Some(end))) => {
                format!("; the previous token cannot be revoked and stays valid until {end}")
            }
            Err(_) => "; the previous token is NOT revoked".to_owned(),
        }
    }

    /// Prints what could not be revoked.
    pub(in crate::cli) fn print_errors(&self, typed: &str, output: &Output) {
        match &self.result {
            Err(error) => {
                let message = format!("{typed}: the previous token was not revoked: {}", error.chain());
                output.error(&message, error.hint());
            }
            Ok(Revocation::NotOffered(end)) => {
                let until = end.map_or_else(|| "it expires".to_owned(), |end| end.to_string());
                let message =
                    format!("{typed}: CXone cannot revoke tokens: the previous token stays valid until {until}");
                output.warning(&message, "if that is too long, deactivate the access key or the application in CXone");
            }
            Ok(_) => {}
        }
        if let Some(older) = &self.older {
            output.warning(&format!("{typed}: {}", older.message()), &older.hint());
        }
    }

    pub(in crate::cli) fn to_json(&self) -> PreviousEndJson {
        let (outcome, expires_at) = match &self.result {
            Ok(Revocation::Revoked) => ("revoked", None),
            Ok(Revocation::NothingToRevoke) => ("nothing_to_revoke", None),
            Ok(Revocation::NotOffered(end)) => ("not_offered", end.map(|end| end.to_string())),
            Err(_) => ("failed", None),
        };
        let json = |older: &OlderLeft| OlderJson { at_most: older.at_most, until: older.tokens.until.to_string() };
        let (older, error) = (self.older.as_ref().map(json), self.result.as_ref().err().map(ErrorJson::from));
        PreviousEndJson { outcome, expires_at, older, error }
    }
}

impl OlderLeft {
    fn message(&self) -> String {
        let tokens = match self.at_most {
            Some(1) => "at most 1 token".to_owned(),
            Some(count) => format!("at most {count} tokens"),
            None => "an unknown number of tokens".to_owned(),
        };
        let until: Timestamp = self.tokens.until;
        format!(
            "{tokens} of earlier rotations may be valid until {until}; the store returns none of them, so they were not revoked"
        )
    }

    fn hint(&self) -> String {
        let command = |client: &str| format!("`genesys-rotator revoke --client {client} --admin SECRET`");
        let commands = match &self.tokens.clients[..] {
            [] => command("ID"),
            clients => clients.iter().map(|client| command(client)).collect::<Vec<_>>().join(" and "),
        };
        format!(
            "end a token that you have with `genesys-rotator revoke --token -`, or all tokens of the client with {commands}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::output::tests::Captured;

    #[test]
    fn older_tokens_are_counted_and_both_clients_are_named() {
        for (at_most, clients, expected) in [
            (Some(1), &["a"][..], ["s: at most 1 token of", "--client a --admin SECRET`\n"]),
            (
                Some(2),
                &["a", "b"],
                ["s: at most 2 tokens of", "--client a --admin SECRET` and `genesys-rotator revoke --client b"],
            ),
            (None, &[], ["s: an unknown number of tokens of", "--client ID --admin SECRET`\n"]),
        ] {
            let until: Timestamp = "2026-01-03T03:04:05Z".parse().expect("a time");
            let clients = clients.iter().map(|id| (*id).to_owned()).collect();
            let tokens = OlderTokens { since: until, until, clients, is_previous_known: true };
            let end = PreviousEnd { result: Ok(Revocation::Revoked), older: Some(OlderLeft { tokens, at_most }) };
            let stderr = Captured::default();
            end.print_errors("s", &Output::to(Captured::default(), stderr.clone()));
            assert!(expected.iter().all(|words| stderr.text().contains(words)), "{}", stderr.text());
            assert!(stderr.text().contains("until 2026-01-03T03:04:05Z"));
            let json = serde_json::to_value(end.to_json()).expect("JSON");
            assert_eq!(json["older"], serde_json::json!({"at_most": at_most, "until": "2026-01-03T03:04:05Z"}));
        }
    }
}
