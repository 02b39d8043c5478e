//! Adoption: an administrator regenerates a client's secret, which goes into a document that no person sees.
//!
//! The document is stored first, without a client secret. A rotation of it then regenerates the secret under the lease,
//! writes it ahead, and promotes it together with a validated token. So each interruption leaves a state that the next
//! adoption, or the next rotation of a staged version, completes.

use std::time::Duration;

use tokio::time::sleep;

use super::client_state::{ClientState, ClientStates, FoundClient};
use crate::rotation::credentials::adoption::Adoption;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{ErrorKind, Result, Retryability, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{StoredValue, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::run::RotationReport;
use crate::rotation::step::Step;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, PENDING, SecretId, VersionId};
use crate::secret::{ExposeSecret, SecretString, same};

/// How often the first document is written and read back.
const ATTEMPTS: usize = 8;
/// The wait before it is read again. Reads of Secrets Manager may be stale for about a second.
const POLL: Duration = Duration::from_millis(500);
/// The only grant whose clients need no person (Platform API, `OAuthClient.authorizedGrantType`).
const CLIENT_CREDENTIALS: &str = "CLIENT-CREDENTIALS";

/// Creates secrets.
pub trait SecretCreation: Send + Sync {
    /// Creates a secret with its first version. Doing so again with the same version and value succeeds or is a conflict.
    ///
    /// # Errors
    /// `StoreConflict` if the secret exists; otherwise as for staging.
    fn create(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// What an adoption must write before the rotation.
enum FirstDocument {
    /// The secret does not exist.
    Create(Document),
    /// It has no value, an empty one, or a dead client secret. `staged` is the version of an interrupted run.
    Replace { document: Document, current: Option<StoredValue>, staged: Option<VersionId> },
    /// The rotation does the rest.
    Present,
}

impl<S: RotationStore, I: RotationPlatform + ClientStates, C: Clock> Rotator<S, I, C> {
    /// Checks that the credentials in the secret `admin` may regenerate the client's secret, and that the client can use
    /// one. Changes nothing.
    ///
    /// # Errors
    /// `DocumentInvalid` if the list `rotates` of the secret lacks the client, if the client is the administrator's own, does
    /// not exist, is not active or has another grant, or on a platform without OAuth clients; `PermissionMissing`.
    pub async fn begin_adoption(
        &self,
        admin: &SecretId,
        client_id: &str,
        deadline: Deadline,
    ) -> Result<(Adoption, FoundClient)> {
        let begin = async {
            let (_, document) = self.read_current(admin, deadline).await?;
            let credentials = document.credentials()?;
            check_admin(credentials.place().platform(), credentials.id(), client_id)?;
            document.permit_renewal(&[client_id])?;
            let place = credentials.place();
            let authorization = self.tokens().exchange(&credentials, deadline).await?;
            let read = || self.issuer.client(&place, client_id, &authorization.token.access_token);
            let client = self.retries.run("read the OAuth client", deadline, read).await?;
            check_client(client_id, &client)?;
            Ok((Adoption { client_id: client_id.to_owned(), admin: credentials }, client))
        };
        self.tokens().settle(deadline, Box::pin(begin)).await
    }
}

impl<S: RotationStore + SecretCreation, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Stores the document of the [adopted](Rotator::with_adoption) client in a secret, with a regenerated client secret and a
    /// validated token. If the secret already holds a working client secret, rotates it. Calls `watch` at the start of each
    /// step.
    ///
    /// # Errors
    /// `DocumentInvalid` if the secret holds something else; `StoreConflict` if another writer changes it. Errors of the
    /// rotation are in its report.
    pub async fn adopt(
        &self,
        secret: &SecretId,
        deadline: Deadline,
        watch: impl FnMut(Step) + Send,
    ) -> Result<RotationReport> {
        if let Some(adoption) = &self.adoption {
            let store = self.store_first_document(secret, adoption, deadline);
            self.tokens().settle(deadline, Box::pin(store)).await?;
        }
        Ok(self.rotate(secret, VersionId::random(), deadline, watch).await)
    }

    async fn store_first_document(&self, secret: &SecretId, adoption: &Adoption, deadline: Deadline) -> Result<()> {
        let fresh = VersionId::random();
        for attempt in 0..ATTEMPTS {
            if attempt > 1 {
                sleep(POLL).await;
            }
            let written = match self.first_document(secret, adoption, deadline).await? {
                FirstDocument::Present => return Ok(()),
                FirstDocument::Create(document) => {
                    let value = document.to_value()?;
                    let create = || self.store.create(secret, &fresh, &value);
                    self.retries.run("create the secret", deadline, create).await
                }
                FirstDocument::Replace { document, current, staged } => {
                    self.replace(secret, (&fresh, staged.as_ref()), &document.to_value()?, current, deadline).await
                }
            };
            match written {
                Err(error)
                    if error.kind() != ErrorKind::StoreConflict || error.retryability() == Retryability::Permanent =>
                {
                    return Err(error);
                }
                // The next read shows this document, or the one of another writer.
                _ => {}
            }
        }
        let message = format!("the secret {secret} does not show the document that was written to it");
        Err(RotationError::new(ErrorKind::StoreConflict, message).with_hint("wait a minute, and run the command again"))
    }

    /// Decides what to write.
    async fn first_document(
        &self,
        secret: &SecretId,
        adoption: &Adoption,
        deadline: Deadline,
    ) -> Result<FirstDocument> {
        let described = self.retries.run("describe the secret", deadline, || self.store.describe(secret)).await;
        let described = match described {
            Err(error) if error.kind() == ErrorKind::SecretNotFound => {
                return Ok(FirstDocument::Create(Document::of_adoption(adoption)));
            }
            described => described?,
        };
        if described.rotation_enabled == Some(false) {
            let message = format!("rotation is disabled for the secret {}", described.name);
            return Err(RotationError::new(ErrorKind::RotationDisabled, message));
        }
        let read = || self.store.read(secret, VersionSelector::Current);
        let current = self.retries.run("read the secret", deadline, read).await?;
        let found = current.as_ref().filter(|stored| !stored.text.expose_secret().trim().is_empty());
        let document = found.map(|stored| Document::parse(&stored.text)).transpose()?.unwrap_or_default();
        let staged = described.holder(PENDING).filter(|version| described.holder(CURRENT) != Some(*version)).cloned();
        if document.is_empty() {
            return Ok(FirstDocument::Replace { document: Document::of_adoption(adoption), current, staged });
        }
        document.check_adoption(adoption)?;
        if document.secret_rotation()? == Some(SecretRotation::Adoption) {
            return Ok(FirstDocument::Present);
        }
        match self.tokens().issue(&document.credentials()?, &TokenKind::Access, deadline).await {
            Ok(_) => Ok(FirstDocument::Present),
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                let document = document.without_client_secret();
                match document.secret_rotation()? {
                    Some(SecretRotation::Adoption) => Ok(FirstDocument::Replace { document, current, staged }),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Makes `value` the current one by compare-and-set, as the version `fresh` or as the one that an interrupted run staged.
    async fn replace(
        &self,
        secret: &SecretId,
        (fresh, staged): (&VersionId, Option<&VersionId>),
        value: &SecretString,
        current: Option<StoredValue>,
        deadline: Deadline,
    ) -> Result<()> {
        let left = match staged {
            Some(staged) => {
                self.read("read the staged version", secret, VersionSelector::Pending(staged), deadline).await?
            }
            None => None,
        };
        let version = match (left, staged) {
            (Some(left), Some(staged)) if same(&left, value) => staged,
            (Some(_), _) => return Err(interrupted(secret)),
            (None, _) => fresh,
        };
        let over = current.unwrap_or_else(|| SecretString::default().into());
        let replace = || async {
            self.store.stage(secret, version, value, None).await?;
            self.store.promote(secret, version, &over).await
        };
        self.retries.run("store the document", deadline, replace).await
    }
}

fn check_admin(platform: PlatformName, admin_id: &str, client_id: &str) -> Result<()> {
    let refuse = |message: &str, hint| Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
    if platform == PlatformName::Cxone {
        return refuse(
            "the credentials are of NICE CXone, which has no OAuth clients whose secret can be regenerated",
            r#"store an access key of the user with "rotate": "client_secret": the first rotation replaces the key that a person saw"#,
        );
    }
    if admin_id.eq_ignore_ascii_case(client_id) {
        return refuse(
            "the client to adopt is the administrator's own: its new secret would not reach the administrator's document",
            r#"name an administrator with another client; to renew a client's own secret, set "rotate": "client_secret" in its document"#,
        );
    }
    Ok(())
}

fn check_client(id: &str, client: &FoundClient) -> Result<()> {
    let refuse = |message, hint| Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
    match &client.grant {
        _ if client.state != ClientState::Active => refuse(
            format!("the OAuth client {id} is {}, and gets no tokens", client.state),
            "activate it in Admin > Integrations > OAuth, or with `genesys-rotator revoke --client ID --admin SECRET --enable`".to_owned(),
        ),
        Some(grant) if grant != CLIENT_CREDENTIALS => refuse(
            format!("the OAuth client {id} has another grant than client credentials"),
            "create an OAuth client with the grant Client Credentials, and adopt that one".to_owned(),
        ),
        _ => Ok(()),
    }
}

fn interrupted(secret: &SecretId) -> RotationError {
    let message = format!("an interrupted rotation of the secret {secret} has staged a version");
    RotationError::new(ErrorKind::StoreConflict, message)
        .with_hint("run `genesys-rotator rotate --local` for this secret, which completes or drops that version; if that fails, adopt again")
        .permanent()
}
