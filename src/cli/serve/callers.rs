//! Who may call: the client id and secret of this endpoint, and the tokens that it has handed out.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::exit::CommandFailure;
use crate::secret::SecretString;

/// The credentials that callers need. They are not the platform's.
#[derive(Clone)]
pub(in crate::cli) struct LocalClient {
    pub(in crate::cli) id: String,
    pub(in crate::cli) secret: SecretString,
}

#[derive(Serialize, Deserialize)]
struct CredentialsFile<'a> {
    client_id: Cow<'a, str>,
    client_secret: Cow<'a, str>,
}

/// The largest file with credentials, in bytes.
const LARGEST_FILE: u64 = 8 * 1024;

/// Recognizes the requests of callers.
pub(super) struct Callers {
    client: LocalClient,
    /// Hashes of the tokens that were handed out for each secret, by the secret's position.
    handed_out: Mutex<HashSet<(usize, Hash)>>,
}

pub(super) type Hash = [u8; 32];

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
        // A pipe would block.
        let opened = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
        let mut opened = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let client = Self::random();
                client.write(path).map_err(|error| wrong(format!("the credentials cannot be written: {error}")))?;
                return Ok(client);
            }
            opened => opened.map_err(|error| wrong(format!("the credentials cannot be read: {error}")))?,
        };
        let found = opened.metadata().map_err(|error| wrong(error.to_string()))?;
        if !found.is_file() || found.len() > LARGEST_FILE {
            return Err(wrong("it is no file with credentials".to_owned()));
        }
        if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(wrong(format!("other users may read or own it (mode {:03o})", found.mode() & 0o777)));
        }
        let mut text = Zeroizing::new(String::new());
        opened.read_to_string(&mut text).map_err(|error| wrong(format!("the credentials cannot be read: {error}")))?;
        let file: CredentialsFile<'_> =
            serde_json::from_str(&text).map_err(|_| wrong("it holds no client_id and client_secret".to_owned()))?;
        if file.client_id.contains(':') {
            return Err(wrong("client_id must not contain a colon".to_owned()));
        }
        if file.client_id.is_empty() || file.client_secret.len() < 32 {
            return Err(wrong("client_secret needs 32 characters or more".to_owned()));
        }
        Ok(Self { id: file.client_id.into_owned(), secret: file.client_secret.into_owned().into() })
    }

    /// Creates the file, or leaves nothing.
    fn write(&self, path: &Path) -> io::Result<()> {
        let (client_id, client_secret) = (self.id.as_str().into(), self.secret.expose_secret().into());
        let text = Zeroizing::new(serde_json::to_string(&CredentialsFile { client_id, client_secret })?);
        let mut created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let written = created.write_all(text.as_bytes()).and_then(|()| created.write_all(b"\n"));
        written.and_then(|()| created.sync_all()).inspect_err(|_| drop(fs::remove_file(path)))
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

pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}
