//! A platform that accepts the tokens it issued and did not revoke.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Credentials, ErrorKind, IssuedToken, Place, Probe, Result, RotationError, TokenIssuer,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Issues random tokens and keeps the valid ones.
#[derive(Default)]
pub struct StubIssuer {
    live: Mutex<Vec<String>>,
}

impl StubIssuer {
    /// The valid tokens, oldest first.
    pub fn live(&self) -> Vec<String> {
        self.tokens().clone()
    }

    fn tokens(&self) -> MutexGuard<'_, Vec<String>> {
        self.live.lock().expect("an unpoisoned lock")
    }
}

impl TokenIssuer for StubIssuer {
    async fn issue(&self, _: &Credentials) -> Result<IssuedToken> {
        // Lets a concurrent rotation reach this point.
        tokio::task::yield_now().await;
        let token = format!("token-{}", Uuid::new_v4());
        self.tokens().push(token.clone());
        let lifetime = Duration::from_secs(86_399);
        Ok(IssuedToken { access_token: token.into(), token_type: "bearer".to_owned(), lifetime, tenant_id: None })
    }

    async fn verify(&self, _: &Credentials, token: &SecretString, _: &[Probe]) -> Result<()> {
        tokio::task::yield_now().await;
        let lives = self.live().iter().any(|live| live == token.expose_secret());
        lives.then_some(()).ok_or_else(|| RotationError::new(ErrorKind::TokenRejected, "no such token"))
    }

    async fn revoke(&self, _: &Place, token: &SecretString) -> Result<()> {
        self.tokens().retain(|live| live != token.expose_secret());
        Ok(())
    }
}

impl ClientSecrets for StubIssuer {}
impl AccessKeys for StubIssuer {}
