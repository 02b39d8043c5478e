//! The token on standard input.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use crate::cli::exit::CommandFailure;
use crate::secret::SecretString;

/// How to pass a token.
pub(super) const USAGE: &str =
    "pipe the token, for example from a file: `genesys-rotator revoke --token - --region REGION < FILE`";
/// The maximum size of the input in bytes; a token has about 86 characters.
const LARGEST: u64 = 16 * 1024;

/// Where the token is read from. A value that may be a token is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `-`: standard input.
    StandardInput,
    /// Any other value.
    Other,
}

/// A text that may be a token and is not kept.
#[derive(Clone, Copy, Debug)]
pub struct Discarded;

impl TokenSource {
    /// Never fails: the error of a parser repeats the value.
    pub(super) fn parse(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" { Self::StandardInput } else { Self::Other })
    }

    /// Reads the token.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if it is not piped to standard input, or is no token.
    pub(super) fn read(self) -> Result<SecretString, CommandFailure> {
        if self == Self::Other {
            let hint = format!("{USAGE}; a token on the command line is visible to others: end it");
            return Err(CommandFailure::usage("--token takes no token, only - for standard input", hint));
        }
        let stdin = io::stdin();
        if stdin.is_terminal() {
            let hint = "pipe it, for example: `read -rs token && printf %s \"$token\" | genesys-rotator revoke --token - --region REGION`";
            return Err(CommandFailure::usage("standard input is a terminal, which would show the token", hint));
        }
        let mut input = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
        stdin
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut input)
            .map_err(|error| CommandFailure::usage(format!("standard input cannot be read: {error}"), USAGE))?;
        parse(&input)
    }
}

impl Discarded {
    /// Never fails: the error of a parser repeats the value.
    pub(super) fn parse(_: &str) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// Returns the token without the whitespace around it: a file or a pipe ends with a line break.
fn parse(input: &[u8]) -> Result<SecretString, CommandFailure> {
    let token = input.trim_ascii();
    match std::str::from_utf8(token) {
        _ if token.is_empty() => Err(CommandFailure::usage("standard input is empty", USAGE)),
        Ok(text)
            if input.len() as u64 <= LARGEST && token.iter().all(u8::is_ascii_graphic) && !token.starts_with(b"{") =>
        {
            Ok(SecretString::from(text))
        }
        _ => {
            let hint = "send the access token alone, without field names, quotes or the word Bearer";
            Err(CommandFailure::usage("standard input is not one token", hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_one_word_and_the_whitespace_around_it_is_ignored() {
        for (input, expected) in [
            ("tok-_*en", Some("tok-_*en")),
            ("  token\r\n", Some("token")),
            ("", None),
            (" \n", None),
            ("Bearer token", None),
            ("a\nb", None),
            ("t\u{f6}ken", None),
            (r#"{"access_token":"token"}"#, None),
        ] {
            let read = parse(input.as_bytes()).ok();
            assert_eq!(read.as_ref().map(|token| token.expose_secret()), expected, "{input:?}");
        }
        assert!(parse(&vec![b'a'; LARGEST as usize]).is_ok() && parse(&vec![b'a'; LARGEST as usize + 1]).is_err());
    }

    #[test]
    fn a_value_that_may_be_a_token_is_not_kept() {
        assert_eq!(TokenSource::parse("-"), Ok(TokenSource::StandardInput));
        let failure = TokenSource::parse("hush").expect("it never fails").read().expect_err("it is not read");
        assert!(!format!("{failure:?}{:?}", TokenSource::parse("hush")).contains("hush"));
    }
}
