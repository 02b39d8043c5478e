//! The settings for a rotation in a document: the kind of token, the renewal of client secrets, and the probes.

use super::fields::{Document, invalid};
use super::names::{ADMIN_CREDENTIALS, CLIENTS, CREDENTIALS};
use super::probe::Probe;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::error::Result;

/// All probes run at once, so a longer list would meet the platform's rate limit.
const MOST_PROBES: usize = 20;

/// Which client secret or access key a rotation renews, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRotation {
    /// Two clients alternate: the idle one gets a new secret and becomes the active one.
    Alternating {
        /// The id of the idle client.
        idle: String,
        /// The name of the secret whose client may edit both.
        admin_credentials: String,
    },
    /// The secret of the document's only client is regenerated; readers have a dead secret until the promotion.
    InPlace,
    /// The user gets a new access key, and the key before the active one is deleted.
    AccessKeys {
        /// The id of the key before the active one, if any.
        idle: Option<String>,
        /// The name of the secret whose user may manage the keys; the key's own user if `None`.
        admin_credentials: Option<String>,
    },
    /// The document names a client and has no secret for it. Only an [adoption](crate::rotation::Adoption) regenerates it.
    Adoption,
}

impl Document {
    /// Returns the kind of token that the document asks for.
    ///
    /// # Errors
    /// `DocumentInvalid` if the kind is unknown or one of its fields is missing.
    pub fn token_kind(&self) -> Result<TokenKind> {
        match self.text("token")?.as_deref() {
            None | Some("access") => Ok(TokenKind::Access),
            Some("generated") => {
                let owner = self.trimmed("resource_owner")?.ok_or_else(|| {
                    invalid(r#"resource_owner is missing: "token": "generated" needs it"#)
                        .with_hint(r#"add "resource_owner", the id of the account that the token represents"#)
                })?;
                Ok(TokenKind::Generated { resource_owner: owner })
            }
            Some("api-token") => Ok(TokenKind::ApiToken {
                name: self.trimmed("name")?,
                scopes: self.value("scopes", "a list of strings")?.unwrap_or_default(),
                expires_in: self.value("token_expires_in", "a number of seconds")?,
            }),
            Some(_) => Err(invalid("unknown kind of token in the field token")
                .with_hint(r#"set "token" to "access" (default), "generated" or "api-token""#)),
        }
    }

    /// Returns how the rotation renews a client secret or access key; `None` if it renews the token only.
    ///
    /// # Errors
    /// `DocumentInvalid` if a setting is missing or contradicts another.
    pub fn secret_rotation(&self) -> Result<Option<SecretRotation>> {
        let rotation = self.requested_rotation()?;
        Ok(if self.lacks_client_secret() { Some(SecretRotation::Adoption) } else { rotation })
    }

    fn requested_rotation(&self) -> Result<Option<SecretRotation>> {
        match self.text("rotate")?.as_deref() {
            None | Some("token") => Ok(None),
            Some("client_secret") if PlatformName::parse(&self.platform()?)? == PlatformName::Cxone => {
                let idle = self.idle_access_key()?;
                Ok(Some(SecretRotation::AccessKeys { idle, admin_credentials: self.admin_credentials()? }))
            }
            // The new secret is written to this document and would not reach the other one.
            Some("client_secret") if self.trimmed(CREDENTIALS)?.is_some() => {
                Err(invalid(r#""rotate": "client_secret" needs the client's credentials in the same document"#)
                    .with_hint("store client_id and client_secret in this document instead of credentials"))
            }
            Some("client_secret") if self.json(CLIENTS).is_some() => self.alternating().map(Some),
            Some("client_secret") => self.in_place().map(Some),
            Some(_) => Err(invalid("unknown value in the field rotate")
                .with_hint(r#"set "rotate" to "client_secret", or remove the field"#)),
        }
    }

    fn alternating(&self) -> Result<SecretRotation> {
        let idle = self.idle_client()?;
        let admin_credentials = self.admin_credentials()?.ok_or_else(|| {
            invalid("admin_credentials is missing: clients needs it")
                .with_hint("set admin_credentials to the name of another secret, whose OAuth client may edit both clients (oauth:client:edit, and all of their roles)")
        })?;
        Ok(SecretRotation::Alternating { idle, admin_credentials })
    }

    fn admin_credentials(&self) -> Result<Option<String>> {
        self.secret_name(ADMIN_CREDENTIALS)
    }

    fn in_place(&self) -> Result<SecretRotation> {
        if self.value("accept_gap", "true or false")?.unwrap_or(false) {
            return Ok(SecretRotation::InPlace);
        }
        Err(invalid("rotating the secret of a single client leaves a gap in which the stored secret is dead")
            .with_hint(
                r#"list two clients to avoid the gap ("clients" and "admin_credentials"), or set "accept_gap": true"#,
            ))
    }

    /// Returns the probes.
    ///
    /// # Errors
    /// `DocumentInvalid` if the field is not a list of probes.
    pub fn probes(&self) -> Result<Vec<Probe>> {
        let Some(json) = self.json("probes") else { return Ok(Vec::new()) };
        let texts: Vec<String> = serde_json::from_str(json).map_err(|_| {
            invalid(r#"probes is not a list of strings such as ["GET /api/v2/routing/skills?pageSize=1"]"#)
        })?;
        if texts.len() > MOST_PROBES {
            return Err(invalid(format!("probes lists {} calls; the limit is {MOST_PROBES}", texts.len())));
        }
        texts.iter().map(|text| Probe::parse(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_at_most_twenty_probes() {
        let probes = |count: usize| {
            let value = serde_json::json!({"probes": vec!["GET /api/v2/users/me"; count]});
            Document::parse(&value.to_string().into()).and_then(|document| document.probes())
        };
        assert_eq!(probes(MOST_PROBES).map(|probes| probes.len()).ok(), Some(20));
        let error = probes(MOST_PROBES + 1).expect_err("too many probes");
        assert!(error.to_string().contains("lists 21 calls; the limit is 20"), "{error}");
    }
}
