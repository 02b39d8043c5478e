//! The contact-centre platforms: where they are, how they issue tokens, and what their answers mean.

mod answer;
mod endpoints;
mod genesys_cloud;
mod http;

use crate::rotation::{Credentials, ErrorKind, IssuedToken, Probe, Result, RotationError, TokenIssuer, TokenKind};
use crate::secret::SecretString;

pub use endpoints::{API_URL, Endpoints, LOGIN_URL};
pub use genesys_cloud::{GenesysCloud, Region};

/// Every platform, told apart by the name that a document gives.
#[derive(Clone, Debug)]
pub struct Platforms {
    genesys_cloud: GenesysCloud,
}

/// One platform, chosen.
enum Platform<'a> {
    GenesysCloud(&'a GenesysCloud),
}

impl Platforms {
    /// All platforms, at their own addresses unless the operator set others.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { genesys_cloud: GenesysCloud::new(endpoints) }
    }

    /// The base address of a platform's API in a region, without a slash at its end.
    ///
    /// # Errors
    /// `DocumentInvalid` for a platform that is not known, `UnknownRegion` for a region.
    pub fn api_url(&self, platform: &str, region: &str) -> Result<String> {
        match self.named(platform)? {
            Platform::GenesysCloud(platform) => platform.api_url(region),
        }
    }

    fn named(&self, name: &str) -> Result<Platform<'_>> {
        match name {
            "genesys-cloud" => Ok(Platform::GenesysCloud(&self.genesys_cloud)),
            other => {
                let message = format!("the platform {} is not known", shown(other));
                Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                    .with_hint(r#"use "platform": "genesys-cloud", or leave the field out"#))
            }
        }
    }
}

/// A field of the document for a message. Somebody may have put a secret into the wrong field,
/// so only what looks like a name or a URL is shown.
fn shown(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".:/-".contains(letter);
    let one_case = text.to_ascii_lowercase() == text || text.to_ascii_uppercase() == text;
    if text.len() <= 40 && one_case && text.chars().all(plain) {
        return format!("{text:?}");
    }
    "in the document (not shown here: it does not look like a name)".to_owned()
}

impl TokenIssuer for Platforms {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        match self.named(&credentials.platform)? {
            Platform::GenesysCloud(platform) => platform.issue(credentials).await,
        }
    }

    async fn verify(&self, credentials: &Credentials, token: &SecretString, probes: &[Probe]) -> Result<()> {
        match self.named(&credentials.platform)? {
            Platform::GenesysCloud(platform) => platform.verify(credentials, token, probes).await,
        }
    }

    async fn lengthen(
        &self,
        credentials: &Credentials,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        match self.named(&credentials.platform)? {
            Platform::GenesysCloud(platform) => platform.lengthen(credentials, access_token, kind).await,
        }
    }

    async fn regenerate(
        &self,
        credentials: &Credentials,
        client_id: &str,
        token: &SecretString,
    ) -> Result<SecretString> {
        match self.named(&credentials.platform)? {
            Platform::GenesysCloud(platform) => platform.regenerate(credentials, client_id, token).await,
        }
    }

    async fn revoke(&self, credentials: &Credentials, token: &SecretString) -> Result<()> {
        match self.named(&credentials.platform)? {
            Platform::GenesysCloud(platform) => platform.revoke(credentials, token).await,
        }
    }
}
