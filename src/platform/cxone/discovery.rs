//! Finds an issuer's token endpoint and a tenant's API from the issuer's discovery documents (NICE developer portal, "API
//! discovery").

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::claims::Claims;
use super::endpoint_cache::EndpointCache;
use super::errors::diagnose;
use super::place::{IssuerHost, LoginHost, is_nice};
use crate::platform::endpoints::Endpoints;
use crate::platform::http::{HttpClient, send};
use crate::rotation::{ErrorKind, Result, RotationError, shown};

/// Finds endpoints, and caches them.
#[derive(Clone, Debug)]
pub(super) struct Discovery {
    http: HttpClient,
    endpoints: Endpoints,
    cache: EndpointCache,
}

impl Discovery {
    pub(super) fn new(http: HttpClient, endpoints: Endpoints) -> Self {
        Self { http, endpoints, cache: EndpointCache::default() }
    }

    /// Returns an issuer's token endpoint.
    pub(super) async fn token_endpoint(&self, issuer: IssuerHost) -> Result<String> {
        let document = format!("{}/.well-known/openid-configuration", self.endpoints.login(issuer.host()));
        Ok(self.endpoints.login_at(&self.discover(document, issuer, "token_endpoint").await?))
    }

    /// Returns the base address of the API: that of the realm for the legacy API, else the one of the issuer's discovery
    /// document for the tenant.
    pub(super) async fn api_endpoint(
        &self,
        login: LoginHost,
        tenant_id: Option<&str>,
        claims: &Claims,
    ) -> Result<String> {
        let issuer = match login {
            LoginHost::Realm(realm) => return Ok(self.endpoints.api(&realm.host())),
            LoginHost::Issuer(issuer) => issuer,
            // Tokens of UserHub may name an issuer without discovery.
            LoginHost::Area(_) => claims.issuer.as_deref().and_then(IssuerHost::find).unwrap_or(IssuerHost::COMMERCIAL),
        };
        let tenant = tenant_id.or(claims.tenant_id.as_deref()).ok_or_else(no_tenant)?;
        // The tenant id has been checked and needs no encoding.
        let path = format!("/.well-known/cxone-configuration?tenantId={tenant}");
        let document = format!("{}{path}", self.endpoints.login(issuer.host()));
        Ok(self.endpoints.api_at(&self.discover(document, issuer, "api_endpoint").await?))
    }

    /// Returns the endpoint in a discovery document. It must be NICE's: a forged document must not redirect credentials.
    async fn discover(&self, document: String, issuer: IssuerHost, field: &str) -> Result<Url> {
        if let Some(cached) = self.cache.get(&document) {
            return Ok(cached);
        }
        let what = format!("the discovery of the {field} at {}", issuer.host());
        let request = self.http.request(Method::GET, &document)?.header(ACCEPT, "application/json");
        let response = send(request).await?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if field == "api_endpoint" && response.is_json() => {
                return Err(unknown_tenant(issuer));
            }
            _ => return Err(diagnose(&response, &what)),
        }
        let body: Value = response.json(&what)?;
        let Some(text) = body.get(field).and_then(Value::as_str) else {
            return Err(response.error(ErrorKind::PlatformUnavailable, format!("{what} returned none")));
        };
        let endpoint = Url::parse(text).ok().filter(|url| is_nice(url) || self.endpoints.has_origin_of(url));
        let endpoint = endpoint.ok_or_else(|| foreign(&what, text))?;
        self.cache.insert(document, endpoint.clone());
        Ok(endpoint)
    }
}

fn foreign(what: &str, text: &str) -> RotationError {
    let message =
        format!("{what} returned {}, which is not an address of NICE CXone; nothing was sent there", shown(text));
    RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_hint("a server between this machine and NICE may change its responses: check ROTATOR_LOGIN_URL, DNS and any proxy, and report it to NICE if these are correct")
        .permanent()
}

fn unknown_tenant(issuer: IssuerHost) -> RotationError {
    let message = format!("{} does not know the tenant", issuer.host());
    RotationError::new(ErrorKind::UnknownRegion, message).with_hint(
        "check tenant_id, or remove it (tokens name their tenant); FedRAMP and sovereign regions have other issuers",
    )
}

fn no_tenant() -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, "neither the token nor the document names the tenant")
        .with_hint("add tenant_id to the document (CXone: Admin > ACD > Business units shows it)")
}
