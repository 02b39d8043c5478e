//! Vault login methods.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use vaultrs::api::AuthInfo;
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

#[cfg(feature = "cli")]
use super::aws_login::AwsLogin;
use super::failure::{VaultError, login_failed};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

const HOW: &str = "run `bao login` or `vault login`, or set VAULT_TOKEN, VAULT_ROLE_ID and VAULT_SECRET_ID, VAULT_JWT_ROLE and VAULT_JWT, VAULT_KUBERNETES_ROLE, or VAULT_AWS_ROLE";

/// The login method.
pub(super) enum LoginMethod {
    /// A Vault token.
    Token(Source),
    /// The file in the home directory that `bao login` and `vault login` write.
    TokenFile(PathBuf),
    /// An AppRole, with a secret id if the role requires one.
    AppRole { mount: String, role_id: Source, secret_id: Option<Source> },
    /// A JWT that another system issued, such as a CI system (`JWT`) or, for a pod's service account, `Kubernetes`.
    Jwt { method: &'static str, mount: String, role: String, token: Source },
    /// An AWS identity.
    #[cfg(feature = "cli")]
    Aws(AwsLogin),
    /// No method is configured.
    None,
}

/// The source of a value. Surrounding whitespace is removed.
pub(super) enum Source {
    Text(SecretString),
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

impl LoginMethod {
    /// Returns the token for all further requests. `client` has no token yet.
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
            Self::Jwt { method, mount, role, token } => {
                // The request of both methods has the same form.
                let login = vaultrs::auth::kubernetes::login(client, mount, role, &token.read()?).await;
                accepted(login, method, mount)?
            }
            // The configuration of AWS makes a large future, which every read of a secret would contain.
            #[cfg(feature = "cli")]
            Self::Aws(login) => accepted(Box::pin(login.log_in(client)).await?, "AWS", &login.mount)?,
            Self::None => return Err(not_logged_in()),
        };
        // The client panics on an invalid header value.
        if token.is_empty() || !token.chars().all(|letter| letter.is_ascii_graphic()) {
            let message = "the Vault token is empty or contains invalid characters";
            return Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(HOW));
        }
        Ok(SecretString::from(token.as_str()))
    }
}

fn accepted(login: std::result::Result<AuthInfo, ClientError>, method: &str, mount: &str) -> Result<Zeroizing<String>> {
    match login {
        Ok(info) => Ok(Zeroizing::new(info.client_token)),
        Err(error) => Err(login_failed(VaultError::of(error), method, mount)),
    }
}

fn not_logged_in() -> RotationError {
    RotationError::new(ErrorKind::StoreDenied, "no Vault token is configured").with_hint(HOW)
}

fn unreadable(path: &Path, error: &io::Error) -> RotationError {
    let message = format!("cannot read {}, which is part of the Vault login: {error}", path.display());
    RotationError::new(ErrorKind::StoreDenied, message).with_hint(HOW)
}
