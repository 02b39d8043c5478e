//! Validates a token: it authenticates, and belongs to the tenant.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::Cxone;
use super::claims::Claims;
use super::errors::diagnose;
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{ErrorKind, Result};
use crate::secret::SecretString;

/// The cheapest request that every token may make (NICE developer portal, Admin API, "Business Unit").
pub(in crate::platform) const BUSINESS_UNIT: &str = "/incontactapi/services/v27.0/business-unit";

impl Cxone {
    pub(super) async fn validate(&self, api: &str, tenant_id: Option<&str>, token: &SecretString) -> Result<()> {
        let response = send(self.call(api, Method::GET, BUSINESS_UNIT, token)?).await?;
        match response.status {
            // A web page with status 200 does not validate the token.
            StatusCode::OK => response.json::<Map<String, Value>>(BUSINESS_UNIT).map(drop)?,
            StatusCode::NO_CONTENT => {}
            _ => return Err(diagnose(&response, BUSINESS_UNIT)),
        }
        check_tenants(&response, tenant_id, Claims::of(token.expose_secret()).tenant_id.as_deref())
    }
}

/// Checks that the document names the tenant that the token names, where both name one.
pub(super) fn check_tenants(response: &PlatformResponse, document: Option<&str>, token: Option<&str>) -> Result<()> {
    match (document, token) {
        (Some(document), Some(token)) if !document.eq_ignore_ascii_case(token) => {
            let message = "the token belongs to another tenant than the document's tenant_id";
            Err(response
                .error(ErrorKind::TokenOwnerMismatch, message)
                .with_hint("correct or remove tenant_id; if it is correct, the credentials belong to another tenant"))
        }
        _ => Ok(()),
    }
}
