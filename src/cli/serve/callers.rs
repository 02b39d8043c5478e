//! Who may call: the client id and secret of this endpoint, and the tokens that it has handed out.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::cli::exit::CommandFailure;
use crate::secret::SecretString;

/// The credentials that callers need. They are not the platform's.
pub(in crate::cli) struct LocalClient {
    pub(in crate::cli) id: String,
    pub(in crate::cli) secret: SecretString,
}

#[derive(Serialize, Deserialize)]
struct CredentialsFile<'a> {
    client_id: &'a str,
    client_secret: &'a str,
}

/// Recognizes the requests of callers.
pub(super) struct Callers {
    client: LocalClient,
    /// Hashes of the tokens that were handed out for each secret, by the secret's position.
    handed_out: Mutex<HashSet<(usize, Hash)>>,
}

type Hash = [u8; 32];

impl LocalClient {
    /// Creates new random credentials.
    pub(in crate::cli) fn random() -> Self {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { id: Uuid::new_v4().to_string(), secret: secret.into() }
    }

    /// Reads credentials from a file, or creates the file.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if the file cannot be used, or other users may read it.
    pub(super) fn from_file(path: &Path) -> Result<Self, CommandFailure> {
        let wrong = |why: String| {
            let hint = "name a file that only this user may read, with client_id and client_secret, or one that does not exist";
            CommandFailure::usage(format!("{}: {why}", path.display()), hint)
        };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let client = Self::random();
                client.write(path).map_err(|error| wrong(format!("the credentials cannot be written: {error}")))?;
                return Ok(client);
            }
            read => {
                SecretString::from(read.map_err(|error| wrong(format!("the credentials cannot be read: {error}")))?)
            }
        };
        let mode = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.mode();
        if mode & 0o077 != 0 {
            return Err(wrong(format!("other users may read it (mode {:03o})", mode & 0o777)));
        }
        let file: CredentialsFile<'_> = serde_json::from_str(text.expose_secret())
            .map_err(|_| wrong("it holds no client_id and client_secret".to_owned()))?;
        if file.client_id.is_empty() || file.client_secret.len() < 32 {
            return Err(wrong("client_secret needs 32 characters or more".to_owned()));
        }
        Ok(Self { id: file.client_id.to_owned(), secret: file.client_secret.into() })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let file = CredentialsFile { client_id: &self.id, client_secret: self.secret.expose_secret() };
        let text = SecretString::from(serde_json::to_string(&file)?);
        let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        opened.write_all(text.expose_secret().as_bytes())?;
        opened.write_all(b"\n")?;
        opened.sync_all()
    }
}

impl Callers {
    pub(super) fn new(client: LocalClient) -> Self {
        Self { client, handed_out: Mutex::default() }
    }

    /// Records that a token of a secret was handed out.
    pub(super) fn hand_out(&self, secret: usize, token: &SecretString) {
        self.handed_out.lock().insert((secret, hash(token.expose_secret())));
    }

    /// Whether the header holds the client's credentials.
    pub(super) fn is_client(&self, headers: &HeaderMap) -> bool {
        credentials(headers).is_some_and(|(id, secret)| self.is_pair(&id, &secret))
    }

    /// Whether these are the client's credentials. Hashes are compared, so the duration tells nothing about the secret.
    pub(super) fn is_pair(&self, id: &str, secret: &str) -> bool {
        let own = &self.client;
        hash(id) == hash(&own.id) && hash(secret) == hash(own.secret.expose_secret())
    }

    /// Whether a request for a secret comes from a caller: it holds the client's secret, or a token that was handed out for
    /// the same secret.
    pub(super) fn may_call(&self, secret: usize, headers: &HeaderMap) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|header| scheme(header.as_bytes(), "bearer"));
        let is_known = |token: &str| {
            let hash = hash(token);
            hash == self::hash(self.client.secret.expose_secret()) || self.handed_out.lock().contains(&(secret, hash))
        };
        bearer.is_some_and(is_known) || self.is_client(headers)
    }
}

/// The id and secret of a header with HTTP basic authentication (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = scheme(headers.get(AUTHORIZATION)?.as_bytes(), "basic")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

/// What follows the name of a scheme, which is case-insensitive.
fn scheme<'a>(header: &'a [u8], name: &str) -> Option<&'a str> {
    let (scheme, rest) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}
