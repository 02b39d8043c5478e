//! What a token is printed as.

use clap::ValueEnum;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{LiveToken, Origin};
use crate::cli::target::session::Session;

/// What a token is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The token alone, on a line.
    Raw,
    /// `Authorization: Bearer TOKEN`, for `curl -H @-`.
    Header,
    /// Variables as a shell reads them.
    Env,
    /// The fields that the secrets engine answers with.
    Json,
}

/// The fields that the secrets engine answers with, by their names there.
#[derive(Serialize)]
struct TokenJson<'a> {
    access_token: &'a str,
    token_type: Option<&'a str>,
    expires_at: Option<String>,
    /// Seconds of life left.
    ttl: Option<u64>,
    api_url: Option<&'a str>,
}

/// Prints the token.
///
/// # Errors
/// The form tells where the token is good, and that is not known.
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

/// `None` where it is not known now, as the secrets engine has it.
async fn api_url(token: &LiveToken, session: &Session) -> Option<String> {
    let origin = token.origin().await;
    let known = origin.map_err(|failure| session.output.warning(&failure.message, &failure.hint));
    known.ok().map(|origin| origin.api_url)
}

fn json(token: &LiveToken, api_url: Option<&str>) -> Result<Zeroizing<String>, CommandFailure> {
    let answer = TokenJson {
        access_token: token.text(),
        token_type: token.held.token_type.as_deref(),
        expires_at: token.held.expires_at.map(|end| end.to_string()),
        ttl: token.left.map(|left| left.as_secs()),
        api_url,
    };
    let mut text = serde_json::to_string(&answer).map(Zeroizing::new).map_err(|error| CommandFailure {
        exit: Exit::Failed,
        message: format!("the answer could not be written as JSON: {error}"),
        hint: "choose another --format".to_owned(),
    })?;
    text.push('\n');
    Ok(text)
}

/// A word of a POSIX shell: nothing in single quotes means anything to it.
fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_means_anything_to_a_shell_once_it_is_quoted() {
        for (text, word) in
            [("", "''"), ("a_B-1*>", "'a_B-1*>'"), ("$(id)`id`\"\\", "'$(id)`id`\"\\'"), ("a'b", r"'a'\''b'")]
        {
            assert_eq!(*quoted(text), word);
        }
    }
}
