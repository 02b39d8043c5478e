//! Genesys Cloud: one file for each thing that is asked of it.

mod client_secret;
mod long_lived;
mod oauth_client;
mod probe;
mod region;
mod revoke;
mod token;
#[cfg(feature = "operator")]
mod token_duration;
mod validate;

#[cfg(feature = "operator")]
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;

use crate::platform::endpoints::Endpoints;
use crate::platform::http::{Http, bearer};
use crate::rotation::{IssuedToken, KeyPair, Probe, Result, TokenKind};
use crate::secret::SecretString;

pub use region::Region;
#[cfg(feature = "cli")]
pub(super) use validate::TOKENS_ME;

/// The platform, reached through one set of connections.
#[derive(Clone, Debug)]
pub struct GenesysCloud {
    http: Http,
    endpoints: Endpoints,
}

impl GenesysCloud {
    /// The platform at its own addresses, unless the operator set others.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { http: Http::new(endpoints.any_loopback()), endpoints }
    }

    /// The base address of the API in a region.
    pub(super) fn api_url(&self, region: &str) -> Result<String> {
        Ok(self.endpoints.api(&Region::parse(region)?.api_host()))
    }

    /// A new token.
    pub(super) async fn issue(&self, region: &str, client: &KeyPair) -> Result<IssuedToken> {
        self.exchange(Region::parse(region)?, client).await
    }

    /// Proves that a token works, is this client's, and can do what the probes ask for.
    pub(super) async fn verify(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
        probes: &[Probe],
    ) -> Result<()> {
        let region = Region::parse(region)?;
        self.validate(region, client_id, token).await?;
        self.probe(region, token, probes).await
    }

    /// A token of another kind, made with an access token.
    pub(super) async fn issue_long_lived(
        &self,
        region: &str,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        self.make_long_lived(Region::parse(region)?, access_token, kind).await
    }

    /// A new secret for a client.
    pub(super) async fn regenerate(&self, region: &str, client_id: &str, token: &SecretString) -> Result<SecretString> {
        self.regenerate_secret(Region::parse(region)?, client_id, token).await
    }

    /// For how long a client's tokens live, as far as the token may know.
    #[cfg(feature = "operator")]
    pub(super) async fn token_duration(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
    ) -> Result<Option<Duration>> {
        self.read_duration(Region::parse(region)?, client_id, token).await
    }

    /// Raises that to a duration; gives the former one where it did.
    #[cfg(feature = "operator")]
    pub(super) async fn set_token_duration(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
        duration: Duration,
    ) -> Result<Option<Duration>> {
        self.raise_duration(Region::parse(region)?, client_id, token, duration).await
    }

    /// Ends a token's life.
    pub(super) async fn revoke(&self, region: &str, token: &SecretString) -> Result<()> {
        self.revoke_token(Region::parse(region)?, token).await
    }

    /// A call of the API with a token.
    fn call(
        &self,
        region: Region,
        method: Method,
        path: &str,
        token: &SecretString,
    ) -> Result<reqwest::RequestBuilder> {
        let url = format!("{}{path}", self.endpoints.api(&region.api_host()));
        let request = self.http.request(method, &url)?;
        Ok(request.header(AUTHORIZATION, bearer(token.expose_secret())?).header(ACCEPT, "application/json"))
    }
}
