//! The formats of a printed token.

use clap::ValueEnum;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{LiveToken, Origin};
use crate::cli::target::session::Session;

/// The format of a printed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The token on a line.
    Raw,
    /// `Authorization: Bearer TOKEN`, for `curl -H @-`.
    Header,
    /// Variables in shell syntax.
    Env,
    /// JSON with the fields of the secrets engine's response.
    Json,
}

/// The fields of the secrets engine's response.
#[derive(Serialize)]
struct TokenJson<'a> {
    access_token: &'a str,
    token_type: Option<&'a str>,
    expires_at: Option<String>,
    /// The remaining lifetime in seconds.
    ttl: Option<u64>,
    api_url: Option<&'a str>,
}

/// Prints the token.
///
/// # Errors
/// The format contains the API's address, which cannot be determined.
pub(super) async fn print(token: &LiveToken, form: Form, session: &Session) -> Result<(), CommandFailure> {
    let text = match form {
        Form::Raw => Zeroizing::new(format!("{}\n", token.text())),
        Form::Header => Zeroizing::new(format!("Authorization: Bearer {}\n", token.text())),
        Form::Env => variables(token, &token.origin().await?),
        Form::Json => json(token, api_url(token, session).await.as_deref())?,
    };
    session.output.bytes(text.as_bytes());
    Ok(())
}

fn variables(token: &LiveToken, origin: &Origin) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!("{}={}\n", origin.token_variable, *quoted(token.text())));
    for (name, value) in &origin.companions {
        text.push_str(&format!("{name}={}\n", *quoted(value)));
    }
    text
}

/// The API's base URL; `None`, as in the secrets engine, if it cannot be determined.
async fn api_url(token: &LiveToken, session: &Session) -> Option<String> {
    let origin = token.origin().await;
    let known = origin.map_err(|failure| session.output.warning(&failure.message, &failure.hint));
    known.ok().map(|origin| origin.api_url)
}

fn json(token: &LiveToken, api_url: Option<&str>) -> Result<Zeroizing<String>, CommandFailure> {
    let token = TokenJson {
        access_token: token.text(),
        token_type: token.held.token_type.as_deref(),
        expires_at: token.held.expires_at.map(|end| end.to_string()),
        ttl: token.left.map(|left| left.as_secs()),
        api_url,
    };
    let mut text = serde_json::to_string(&token).map(Zeroizing::new).map_err(|error| CommandFailure {
        exit: Exit::Failed,
        message: format!("the token could not be serialized as JSON: {error}"),
        hint: "choose another --format".to_owned(),
    })?;
    text.push('\n');
    Ok(text)
}

/// A word in single quotes, in which a POSIX shell interprets no character.
fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_has_no_meaning_to_a_shell() {
        for (text, word) in
            [("", "''"), ("a_B-1*>", "'a_B-1*>'"), ("$(id)`id`\"\\", "'$(id)`id`\"\\'"), ("a'b", r"'a'\''b'")]
        {
            assert_eq!(*quoted(text), word);
        }
    }
}
