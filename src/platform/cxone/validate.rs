//! Proving that a token authenticates, and for which tenant.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::Cxone;
use super::claims::Claims;
use super::refusal::diagnose;
use crate::platform::http::send;
use crate::rotation::{ErrorKind, Result};
use crate::secret::SecretString;

/// The cheapest call that every token may make (NICE developer portal, Admin API, "Business Unit").
pub(in crate::platform) const BUSINESS_UNIT: &str = "/incontactapi/services/v27.0/business-unit";

impl Cxone {
    pub(super) async fn validate(&self, api: &str, tenant_id: Option<&str>, token: &SecretString) -> Result<()> {
        let answer = send(self.call(api, Method::GET, BUSINESS_UNIT, token)?).await?;
        match answer.status {
            // A page that claims success is no proof.
            StatusCode::OK => answer.json::<Map<String, Value>>(BUSINESS_UNIT).map(drop)?,
            StatusCode::NO_CONTENT => {}
            _ => return Err(diagnose(&answer, BUSINESS_UNIT)),
        }
        let claimed = Claims::of(token.expose_secret()).tenant_id;
        match (tenant_id, claimed) {
            (Some(wanted), Some(claimed)) if !wanted.eq_ignore_ascii_case(&claimed) => {
                let message = "the token belongs to another tenant than the document's tenant_id";
                Err(answer
                    .error(ErrorKind::TokenOwnerMismatch, message)
                    .with_hint("correct tenant_id, or leave it out; else these are another tenant's credentials"))
            }
            _ => Ok(()),
        }
    }
}
