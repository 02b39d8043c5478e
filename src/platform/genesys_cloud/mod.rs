//! Genesys Cloud: one file for each thing that is asked of it.

mod client_secret;
mod long_lived;
mod probe;
mod region;
mod revoke;
mod token;
mod validate;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;

use super::endpoints::Endpoints;
use super::http::{Http, bearer};
use crate::rotation::{Credentials, IssuedToken, Probe, Result, TokenIssuer, TokenKind};
use crate::secret::SecretString;

pub use region::Region;

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

impl TokenIssuer for GenesysCloud {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        self.exchange(Region::parse(&credentials.region)?, credentials).await
    }

    async fn verify(&self, credentials: &Credentials, token: &SecretString, probes: &[Probe]) -> Result<()> {
        let region = Region::parse(&credentials.region)?;
        self.validate(region, &credentials.client_id, token).await?;
        self.probe(region, token, probes).await
    }

    async fn lengthen(
        &self,
        credentials: &Credentials,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        self.make_long_lived(Region::parse(&credentials.region)?, access_token, kind).await
    }

    async fn regenerate(
        &self,
        credentials: &Credentials,
        client_id: &str,
        token: &SecretString,
    ) -> Result<SecretString> {
        self.regenerate_secret(Region::parse(&credentials.region)?, client_id, token).await
    }

    async fn revoke(&self, credentials: &Credentials, token: &SecretString) -> Result<()> {
        self.revoke_token(Region::parse(&credentials.region)?, token).await
    }
}
