//! Genesys Cloud: one file per operation.

mod client_secret;
#[cfg(feature = "operator")]
mod client_state;
mod idle;
mod long_lived;
mod oauth_client;
#[cfg(feature = "operator")]
mod observe;
mod region;
mod revoke;
mod token;
#[cfg(feature = "operator")]
mod token_duration;
#[cfg(feature = "operator")]
mod token_owner;
mod validate;

#[cfg(feature = "operator")]
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;

use crate::platform::endpoints::Endpoints;
use crate::platform::http::{HttpClient, PlatformResponse, bearer};
use crate::platform::probes::{Explanation, run_probes};
#[cfg(feature = "operator")]
use crate::rotation::{ClientState, FoundClient, TokenOwner};
use crate::rotation::{IdleEnd, IssuedToken, KeyPair, Probe, Result, TokenKind};
use crate::secret::SecretString;

#[cfg(feature = "cli")]
pub(super) use oauth_client::check_id;
pub use region::Region;
#[cfg(feature = "cli")]
pub(super) use validate::TOKENS_ME;

/// The platform Genesys Cloud.
#[derive(Clone, Debug)]
pub struct GenesysCloud {
    http: HttpClient,
    endpoints: Endpoints,
}

impl GenesysCloud {
    /// Creates the platform with its own addresses, unless the operator overrides them.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { http: HttpClient::new(endpoints.any_loopback()), endpoints }
    }

    /// Returns the base address of a region's API.
    pub(super) fn api_url(&self, region: &str) -> Result<String> {
        Ok(self.endpoints.api(&Region::parse(region)?.api_host()))
    }

    /// Issues an access token.
    pub(super) async fn issue(&self, region: &str, client: &KeyPair) -> Result<IssuedToken> {
        self.exchange(Region::parse(region)?, client).await
    }

    /// Validates a token: it authenticates, belongs to the client, and every probe succeeds.
    pub(super) async fn verify(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
        probes: &[Probe],
    ) -> Result<()> {
        let region = Region::parse(region)?;
        self.validate(region, client_id, token).await?;
        let explanation = Explanation { diagnose: PlatformResponse::diagnose, code: PlatformResponse::code };
        run_probes(probes, |probe| self.call(region, Method::GET, probe.path(), token), explanation).await
    }

    /// Issues a long-lived token with an access token.
    pub(super) async fn issue_long_lived(
        &self,
        region: &str,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        self.make_long_lived(Region::parse(region)?, access_token, kind).await
    }

    /// Regenerates a client's secret.
    pub(super) async fn regenerate(&self, region: &str, client_id: &str, token: &SecretString) -> Result<SecretString> {
        self.regenerate_secret(Region::parse(region)?, client_id, token).await
    }

    /// Returns a client's token duration; `None` if the token may not read it.
    #[cfg(feature = "operator")]
    pub(super) async fn token_duration(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
    ) -> Result<Option<Duration>> {
        self.read_duration(Region::parse(region)?, client_id, token).await
    }

    /// Raises a client's token duration, and returns the previous one; `None` if it was not shorter.
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

    /// Returns a client's name and state.
    #[cfg(feature = "operator")]
    pub(super) async fn client(&self, region: &str, client_id: &str, token: &SecretString) -> Result<FoundClient> {
        self.read_state(Region::parse(region)?, client_id, token).await
    }

    /// Sets a client's state.
    #[cfg(feature = "operator")]
    pub(super) async fn set_client_state(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
        state: ClientState,
    ) -> Result<()> {
        self.write_state(Region::parse(region)?, client_id, token, state).await
    }

    /// Returns who a token belongs to.
    #[cfg(feature = "operator")]
    pub(super) async fn token_owner(&self, region: &str, token: &SecretString) -> Result<TokenOwner> {
        self.read_owner(Region::parse(region)?, token).await
    }

    /// Uses a token, which restarts its idle time-out.
    pub(super) async fn keep_alive(&self, region: &str, token: &SecretString) -> Result<Option<IdleEnd>> {
        self.use_token(Region::parse(region)?, token).await
    }

    /// Returns when a token idles out.
    #[cfg(feature = "operator")]
    pub(super) async fn idle_end(&self, region: &str, token: &SecretString) -> Result<Option<IdleEnd>> {
        self.look_at_token(Region::parse(region)?, token).await
    }

    /// Returns the organization's idle time-out.
    #[cfg(feature = "operator")]
    pub(super) async fn idle_timeout(&self, region: &str, token: &SecretString) -> Result<Option<Duration>> {
        self.read_idle_timeout(Region::parse(region)?, token).await
    }

    /// Revokes a token.
    pub(super) async fn revoke(&self, region: &str, token: &SecretString) -> Result<()> {
        self.revoke_token(Region::parse(region)?, token).await
    }

    /// Creates a request to the API with a token.
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
