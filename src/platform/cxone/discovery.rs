//! Where an issuer's token endpoint and a tenant's API are: the issuer's discovery documents say it (NICE developer
//! portal, "API discovery").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::claims::Claims;
use super::place::{Issuer, Login, is_nice};
use super::refusal::diagnose;
use crate::platform::endpoints::Endpoints;
use crate::platform::http::{Http, send};
use crate::rotation::{ErrorKind, Result, RotationError, shown};

/// Tenants are moved between areas now and then.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// Looks endpoints up, and keeps them in this process.
#[derive(Clone, Debug)]
pub(super) struct Discovery {
    http: Http,
    endpoints: Endpoints,
    /// Endpoints by the address of the document that names them.
    known: Arc<Mutex<HashMap<String, (Instant, Url)>>>,
}

impl Discovery {
    pub(super) fn new(http: Http, endpoints: Endpoints) -> Self {
        Self { http, endpoints, known: Arc::default() }
    }

    /// Where an issuer takes token requests.
    pub(super) async fn token_endpoint(&self, issuer: Issuer) -> Result<String> {
        let document = format!("{}/.well-known/openid-configuration", self.endpoints.login(issuer.host()));
        Ok(self.endpoints.login_at(&self.discover(document, issuer, "token_endpoint").await?))
    }

    /// The base address of the API: its own in the older one, and what the issuer says of the tenant otherwise.
    pub(super) async fn api_endpoint(&self, login: Login, tenant_id: Option<&str>, claims: &Claims) -> Result<String> {
        let issuer = match login {
            Login::Realm(realm) => return Ok(self.endpoints.api(&realm.host())),
            Login::Issuer(issuer) => issuer,
            // UserHub's tokens may name an issuer that serves no discovery.
            Login::Area(_) => claims.issuer.as_deref().and_then(Issuer::find).unwrap_or(Issuer::COMMERCIAL),
        };
        let tenant = tenant_id.or(claims.tenant_id.as_deref()).ok_or_else(no_tenant)?;
        // A tenant's id was looked at: it needs no encoding.
        let path = format!("/.well-known/cxone-configuration?tenantId={tenant}");
        let document = format!("{}{path}", self.endpoints.login(issuer.host()));
        Ok(self.endpoints.api_at(&self.discover(document, issuer, "api_endpoint").await?))
    }

    /// The endpoint that a discovery document names. Whoever could change that document must not get
    /// credentials sent elsewhere.
    async fn discover(&self, document: String, issuer: Issuer, field: &str) -> Result<Url> {
        if let Some(known) = self.known(&document) {
            return Ok(known);
        }
        let what = format!("the discovery of the {field} at {}", issuer.host());
        let request = self.http.request(Method::GET, &document)?.header(ACCEPT, "application/json");
        let answer = send(request).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if field == "api_endpoint" && answer.is_json() => {
                return Err(unknown_tenant(issuer));
            }
            _ => return Err(diagnose(&answer, &what)),
        }
        let body: Value = answer.json(&what)?;
        let Some(text) = body.get(field).and_then(Value::as_str) else {
            return Err(answer.error(ErrorKind::PlatformUnavailable, format!("{what} gave none")));
        };
        let endpoint = Url::parse(text).ok().filter(|url| is_nice(url) || self.endpoints.holds(url));
        let endpoint = endpoint.ok_or_else(|| foreign(&what, text))?;
        self.learn(document, endpoint.clone());
        Ok(endpoint)
    }

    fn known(&self, document: &str) -> Option<Url> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(document).filter(|(since, _)| since.elapsed() < GOOD_FOR).map(|(_, endpoint)| endpoint.clone())
    }

    fn learn(&self, document: String, endpoint: Url) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (since, _)| since.elapsed() < GOOD_FOR);
        known.insert(document, (Instant::now(), endpoint));
    }
}

fn foreign(what: &str, text: &str) -> RotationError {
    let message = format!("{what} gave {}, which is no address of NICE CXone; nothing was sent there", shown(text));
    RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_hint("something between here and NICE changes its answers: check ROTATOR_LOGIN_URL, DNS and any proxy, and tell NICE if none of them does")
        .permanent()
}

fn unknown_tenant(issuer: Issuer) -> RotationError {
    let message = format!("{} does not know the tenant", issuer.host());
    RotationError::new(ErrorKind::UnknownRegion, message)
        .with_hint("check tenant_id, or leave it out: tokens name it; a tenant of FedRAMP or of a sovereign region has another issuer")
}

fn no_tenant() -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, "neither the token nor the document says which tenant it is for")
        .with_hint("add tenant_id to the document (CXone: Admin > ACD > Business units shows it)")
}
