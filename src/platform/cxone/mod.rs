//! NICE CXone: one file for each thing that is asked of it.

mod access_key;
mod claims;
mod discovery;
mod place;
mod probe;
mod refusal;
mod revoke;
mod token;
mod validate;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;

use self::claims::Claims;
use self::discovery::Discovery;
use self::place::Login;
use crate::platform::endpoints::Endpoints;
use crate::platform::http::{Http, bearer};
use crate::rotation::{CxoneGrant, CxoneLogin, CxonePlace, IssuedToken, Probe, Result};
use crate::secret::SecretString;

#[cfg(feature = "cli")]
pub(super) use self::validate::BUSINESS_UNIT;

/// The platform, reached through one set of connections.
#[derive(Clone, Debug)]
pub struct Cxone {
    http: Http,
    endpoints: Endpoints,
    discovery: Discovery,
}

/// Makes sure that a place is a known one.
///
/// # Errors
/// `UnknownRegion` for the issuer, area or realm, `DocumentInvalid` for the tenant.
pub(super) fn recognise(place: &CxonePlace) -> Result<()> {
    Login::parse(&place.login)?;
    place.tenant_id.as_deref().map_or(Ok(()), place::check_tenant)
}

impl Cxone {
    /// The platform at its own addresses, unless the operator set others.
    pub fn new(endpoints: Endpoints) -> Self {
        let http = Http::new(endpoints.any_loopback());
        let discovery = Discovery::new(http.clone(), endpoints.clone());
        Self { http, endpoints, discovery }
    }

    /// A new token.
    pub(super) async fn issue(&self, grant: &CxoneGrant, tenant_id: Option<&str>) -> Result<IssuedToken> {
        // What the validation could not use is found out before a token is made in vain.
        tenant_id.map_or(Ok(()), place::check_tenant)?;
        self.exchange(grant).await
    }

    /// Proves that a token works, is this tenant's, and can do what the probes ask for.
    pub(super) async fn verify(
        &self,
        login: &CxoneLogin,
        tenant_id: Option<&str>,
        token: &SecretString,
        probes: &[Probe],
    ) -> Result<()> {
        let place = CxonePlace { login: login.clone(), tenant_id: tenant_id.map(str::to_owned) };
        let api = self.api_url(&place, token).await?;
        self.validate(&api, tenant_id, token).await?;
        self.probe(&api, token, probes).await
    }

    /// The base address of the API that a token is good for.
    pub(super) async fn api_url(&self, place: &CxonePlace, token: &SecretString) -> Result<String> {
        recognise(place)?;
        let claims = Claims::of(token.expose_secret());
        self.discovery.api_endpoint(Login::parse(&place.login)?, place.tenant_id.as_deref(), &claims).await
    }

    /// A call of the API with a token.
    fn call(&self, api: &str, method: Method, path: &str, token: &SecretString) -> Result<reqwest::RequestBuilder> {
        let request = self.http.request(method, &format!("{api}{path}"))?;
        Ok(request.header(AUTHORIZATION, bearer(token.expose_secret())?).header(ACCEPT, "application/json"))
    }
}
