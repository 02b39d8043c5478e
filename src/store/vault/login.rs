//! The ways to a Vault token.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use vaultrs::api::AuthInfo;
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use super::failure::{Refusal, login_failed};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

const HOW: &str =
    "run `bao login` or `vault login`, or set VAULT_TOKEN, VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE";

/// How to log in.
pub(super) enum Login {
    /// There is a token already.
    Token(Source),
    /// What `bao login` and `vault login` leave in the home directory.
    TokenFile(PathBuf),
    /// A role's id, with a secret id where the role asks for one.
    AppRole { mount: String, role_id: Source, secret_id: Option<Source> },
    /// The token of the pod's service account.
    Kubernetes { mount: String, role: String, token: Source },
    /// Nothing is known.
    None,
}

/// A value, or the file that holds it.
pub(super) enum Source {
    /// The value.
    Text(SecretString),
    /// The file, whose line break at the end does not count.
    File(PathBuf),
}

impl Source {
    fn read(&self) -> Result<Zeroizing<String>> {
        match self {
            Self::Text(text) => Ok(Zeroizing::new(text.expose_secret().trim().to_owned())),
            Self::File(path) => {
                let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| unreadable(path, &error))?;
                Ok(Zeroizing::new(text.trim().to_owned()))
            }
        }
    }
}

impl Login {
    /// The token that the calls are made with. `client` has none yet.
    pub(super) async fn token(&self, client: &VaultClient) -> Result<SecretString> {
        let token = match self {
            Self::Token(source) => source.read()?,
            Self::TokenFile(path) => match fs::read_to_string(path).map(Zeroizing::new) {
                Ok(text) => Zeroizing::new(text.trim().to_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_logged_in()),
                Err(error) => return Err(unreadable(path, &error)),
            },
            Self::AppRole { mount, role_id, secret_id } => {
                let secret_id = secret_id.as_ref().map(Source::read).transpose()?.unwrap_or_default();
                let login = vaultrs::auth::approle::login(client, mount, &role_id.read()?, &secret_id).await;
                accepted(login, "AppRole", mount)?
            }
            Self::Kubernetes { mount, role, token } => {
                let login = vaultrs::auth::kubernetes::login(client, mount, role, &token.read()?).await;
                accepted(login, "Kubernetes", mount)?
            }
            Self::None => return Err(not_logged_in()),
        };
        // A header that cannot be sent would end the process inside the client.
        if token.is_empty() || !token.chars().all(|letter| letter.is_ascii_graphic()) {
            let message = "what should be a Vault token is empty, or holds characters that no token holds";
            return Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(HOW));
        }
        Ok(SecretString::from(token.as_str()))
    }
}

fn accepted(login: std::result::Result<AuthInfo, ClientError>, method: &str, mount: &str) -> Result<Zeroizing<String>> {
    match login {
        Ok(info) => Ok(Zeroizing::new(info.client_token)),
        Err(error) => Err(login_failed(Refusal::of(error), method, mount)),
    }
}

fn not_logged_in() -> RotationError {
    RotationError::new(ErrorKind::StoreDenied, "there is no Vault token to work with").with_hint(HOW)
}

fn unreadable(path: &Path, error: &io::Error) -> RotationError {
    let message =
        format!("{}, which should hold a part of the login to Vault, cannot be read: {error}", path.display());
    RotationError::new(ErrorKind::StoreDenied, message).with_hint(HOW)
}
