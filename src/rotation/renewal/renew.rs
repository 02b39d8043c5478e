//! createSecret, where the OAuth client's own secret is made anew before the token.

use super::intent::Ahead;
use crate::rotation::credentials::keys::{Credentials, KeyPair};
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepRequest};
use crate::rotation::tokens::exchange::Made;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{AHEAD, Description};

/// A document whose client has a new secret, and the first token that was had with it.
pub(crate) struct Renewed {
    pub(crate) document: Document,
    pub(crate) credentials: Credentials,
    pub(crate) made: Made,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// The credentials and the token of the next version, after whatever the document asks to be made anew.
    pub(crate) async fn renew(
        &self,
        request: &StepRequest,
        document: Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Renewed> {
        let kind = document.token_kind()?;
        match document.secret_rotation()? {
            None => {
                let credentials = self.credentials(&document, described, deadline).await?;
                let made = self.tokens().make(&credentials, &kind, deadline).await?;
                Ok(Renewed { document, credentials, made })
            }
            Some(SecretRotation::Alternating { idle, admin_credentials }) => {
                self.alternate(&document, described, &idle, &admin_credentials, deadline).await
            }
            Some(SecretRotation::InPlace) => {
                let document = self.replace(request, document, described, deadline).await?;
                self.with_first_token(document, described, deadline).await
            }
            Some(SecretRotation::AccessKeys { idle, admin_credentials }) => {
                let (idle, admin) = (idle.as_deref(), admin_credentials.as_deref());
                self.next_access_key(&document, described, idle, admin, deadline).await
            }
        }
    }

    /// The client that is not in use gets a new secret, which costs nothing if it is lost: nobody uses it yet, and the
    /// next attempt makes another one.
    async fn alternate(
        &self,
        document: &Document,
        described: &Description,
        idle: &str,
        admin: &str,
        deadline: Deadline,
    ) -> Result<Renewed> {
        let admin = self.admin(document, described, admin, deadline).await?;
        let (token, _) = self.tokens().exchange(&admin, deadline).await?;
        let secret = self.tokens().regenerate(&admin.place(), idle, &token.access_token, deadline).await;
        let first_token = async {
            let client = KeyPair { id: idle.to_owned(), secret: secret? };
            self.with_first_token(document.with_client(&client)?, described, deadline).await
        };
        // The admin's token is of no use any more, and nothing has to wait until it is gone.
        let tokens = self.tokens();
        tokio::join!(first_token, tokens.discard(&admin, &token.access_token, deadline)).0
    }

    /// The credentials of the client that edits the two others.
    pub(crate) async fn admin(
        &self,
        document: &Document,
        described: &Description,
        admin: &str,
        deadline: Deadline,
    ) -> Result<Credentials> {
        if described.is_named(admin) {
            let message = format!("the secret {} names itself as its admin_credentials", described.name);
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint("the client that edits the other two is stored in a secret of its own"));
        }
        let credentials = self.credentials_elsewhere(document, admin, deadline).await?;
        if document.rotates(&credentials) {
            let message =
                format!("the secret {admin} holds a client or access key whose turn comes in this document as well");
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint("admin_credentials must hold others: these would die there when their turn comes"));
        }
        Ok(credentials)
    }

    /// The client's own secret is replaced, with a token that was written down before: whatever gets lost on the
    /// way, the next attempt makes the secret anew with it.
    async fn replace(
        &self,
        request: &StepRequest,
        document: Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Document> {
        let begun = self.begun(request, &document, described, deadline).await?;
        if let Some(Ahead { to: Some(renewed), .. }) = begun {
            // The new secret was made and written down: only what comes after it is missing.
            return Ok(renewed);
        }
        let credentials = self.credentials(&document, described, deadline).await?;
        let mut ahead = match (self.tokens().exchange(&credentials, deadline).await, begun) {
            (Ok((token, _)), _) => {
                let ahead = Ahead { from: document.clone(), to: None, token: token.access_token };
                if let Err(error) = self.write_ahead(request, &ahead, deadline).await {
                    self.tokens().discard(&credentials, &ahead.token, deadline).await;
                    return Err(error);
                }
                ahead
            }
            // The secret was replaced, and the answer got lost.
            (Err(error), Some(begun)) if error.kind() == ErrorKind::CredentialsRejected => begun,
            (Err(error), _) => return Err(error),
        };
        let id = credentials.id();
        let secret = self.tokens().regenerate(&credentials.place(), id, &ahead.token, deadline).await;
        let secret = secret.map_err(|error| no_way_back(error, id))?;
        let renewed = document.with_client(&KeyPair { id: id.to_owned(), secret })?;
        ahead.to = Some(renewed.clone());
        self.write_ahead(request, &ahead, deadline).await.map_err(|error| no_way_back(error, id))?;
        Ok(renewed)
    }

    /// A replacement of this very document's secret that was begun before.
    async fn begun(
        &self,
        request: &StepRequest,
        document: &Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Option<Ahead>> {
        if described.holder(AHEAD).is_none() {
            return Ok(None);
        }
        let read = || self.store.read_intent(&request.secret);
        let ahead = self.retries.run("read what was written down", deadline, read).await?;
        Ok(ahead.as_ref().and_then(Ahead::parse).filter(|ahead| ahead.from.is_same_as(document)))
    }

    async fn write_ahead(&self, request: &StepRequest, ahead: &Ahead, deadline: Deadline) -> Result<()> {
        let (value, token) = (ahead.to_value()?, request.rotation_token.as_ref());
        let write = || self.store.write_intent(&request.secret, &value, token);
        self.retries.run("write down what is about to be done", deadline, write).await
    }

    /// Ends what was written down for a replacement that readers have by now, as far as that can be done. A finish that
    /// comes late finds what the next rotation wrote down: that one's new secret may be nowhere else.
    pub(crate) async fn clear_ahead(
        &self,
        request: &StepRequest,
        described: &Description,
        outcome: StepOutcome,
        deadline: Deadline,
    ) {
        let Some(holder) = described.holder(AHEAD) else { return };
        let read = || self.store.read_intent(&request.secret);
        let ahead = self.retries.run("read what was written down", deadline, read).await.ok().flatten();
        if let Some(ahead) = ahead.as_ref().and_then(Ahead::parse) {
            if outcome == StepOutcome::AlreadyDone && self.begins_from_current(request, &ahead, deadline).await {
                return;
            }
            let Ahead { from, to, token } = ahead;
            if let Ok(credentials) = self.credentials(&to.unwrap_or(from), described, deadline).await {
                self.tokens().discard(&credentials, &token, deadline).await;
            }
        }
        let clear = || self.store.clear_intent(&request.secret, holder);
        if let Err(error) = self.retries.run("forget what was written down", deadline, clear).await {
            tracing::warn!(error.r#type = error.kind().name(), "what was written down stays: {}", error.chain());
        }
    }

    /// Whether it belongs to a replacement that is still to come, as far as that can be told.
    async fn begins_from_current(&self, request: &StepRequest, ahead: &Ahead, deadline: Deadline) -> bool {
        let current = self.read("read the current version", &request.secret, VersionSelector::Current, deadline).await;
        let current = current.ok().flatten().and_then(|value| Document::parse(&value).ok());
        current.is_none_or(|current| ahead.from.is_same_as(&current))
    }

    /// The next version with its token, had with a secret that is new.
    pub(crate) async fn with_first_token(
        &self,
        document: Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Renewed> {
        let kind = document.token_kind()?;
        let credentials = self.credentials(&document, described, deadline).await?;
        let made = self.tokens().make_once_known(&credentials, &kind, deadline).await?;
        Ok(Renewed { document, credentials, made })
    }
}

/// The instant at which only a person can help: the platform may have made a secret that nobody was told.
fn no_way_back(error: RotationError, client_id: &str) -> RotationError {
    let hint = format!(
        "rotate again: the secret is then made anew with a token that was kept for this. Only if that token is dead as well, regenerate the secret of the OAuth client {client_id} by hand (Admin > Integrations > OAuth) and store it. ({})",
        error.hint()
    );
    error.with_hint(hint)
}
