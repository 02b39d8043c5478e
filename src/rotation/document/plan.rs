//! What a document asks a rotation to make: which kind of token, and whether a new client secret.

use secrecy::ExposeSecret;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::credentials::{CLIENT, CREDENTIALS};
use super::fields::{CLIENTS, Document, invalid};
use crate::rotation::credentials::keys::{Credentials, KeyPair};
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::error::Result;

const TOKEN: &str = "token";
const ROTATE: &str = "rotate";
pub(crate) const ADMIN_CREDENTIALS: &str = "admin_credentials";
const ACCEPT_GAP: &str = "accept_gap";

/// Whose secret a rotation makes anew, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRotation {
    /// Of two clients the one that is not in use gets a new secret, and takes the other's place.
    Alternating {
        /// The id of the client that is not in use.
        idle: String,
        /// The name of the secret whose client may edit both.
        admin_credentials: String,
    },
    /// The client's own secret is replaced; for a moment readers of the secret have one that is dead.
    InPlace,
    /// The user gets another access key, and loses the one before the present one.
    AccessKeys {
        /// The id of the key before the present one, where there is one.
        idle: Option<String>,
        /// The name of the secret whose user may manage the keys; the key's own user does where there is none.
        admin_credentials: Option<String>,
    },
}

/// One of two clients.
#[derive(Deserialize)]
struct Client {
    client_id: String,
    /// Read to make sure that it is there.
    client_secret: Zeroizing<String>,
}

impl Document {
    /// The kind of token that it asks for.
    ///
    /// # Errors
    /// `DocumentInvalid` for a kind that is not known, or without what it needs.
    pub fn token_kind(&self) -> Result<TokenKind> {
        match self.text(TOKEN)?.as_deref() {
            None | Some("access") => Ok(TokenKind::Access),
            Some("generated") => {
                let owner = self.trimmed("resource_owner")?.ok_or_else(|| {
                    invalid(r#"the document asks for a generated token and names no resource_owner"#)
                        .with_hint(r#"add "resource_owner": the id of the account that the token is to stand for"#)
                })?;
                Ok(TokenKind::Generated { resource_owner: owner })
            }
            Some("api-token") => Ok(TokenKind::ApiToken {
                name: self.trimmed("name")?,
                scopes: self.value("scopes", "a list of strings")?.unwrap_or_default(),
                expires_in: self.value("token_expires_in", "a number of seconds")?,
            }),
            Some(_) => Err(invalid("the document asks for a kind of token that is not known")
                .with_hint(r#""token" is "access" (as if it were not there), "generated" or "api-token""#)),
        }
    }

    /// Whose secret is to be made anew; `None` where a rotation is to make a token alone.
    ///
    /// # Errors
    /// `DocumentInvalid` where that makes no sense, with what is missing.
    pub fn secret_rotation(&self) -> Result<Option<SecretRotation>> {
        match self.text(ROTATE)?.as_deref() {
            None | Some("token") => Ok(None),
            Some("client_secret") if PlatformName::parse(&self.platform()?)? == PlatformName::Cxone => {
                self.access_keys().map(Some)
            }
            // A new secret is written into this document, and would not be that of the other one.
            Some("client_secret") if self.trimmed(CREDENTIALS)?.is_some() => {
                Err(invalid("the document asks for new client secrets, and holds none itself")
                    .with_hint("store client_id and client_secret in this document instead of credentials"))
            }
            Some("client_secret") if self.json(CLIENTS).is_some() => self.alternating().map(Some),
            Some("client_secret") => self.in_place().map(Some),
            Some(_) => Err(invalid("the document asks to rotate something that is not known")
                .with_hint(r#""rotate" is "client_secret", or is not there at all"#)),
        }
    }

    fn alternating(&self) -> Result<SecretRotation> {
        let clients: Vec<Client> =
            self.value(CLIENTS, r#"a list such as [{"client_id":"…","client_secret":"…"},{…}]"#)?.unwrap_or_default();
        let ids: Vec<&str> = clients.iter().map(|client| client.client_id.as_str()).collect();
        let [first, second] = ids.as_slice() else {
            return Err(invalid(format!("clients lists {} clients, and must list two", clients.len()))
                .with_hint("one of them is in use while the other one gets a new secret"));
        };
        if clients.iter().any(|client| client.client_id.is_empty() || client.client_secret.is_empty()) {
            return Err(invalid("one of the clients has no client_id or no client_secret")
                .with_hint("both are needed: the one in use now, and the one that takes its place"));
        }
        let in_use = self.client_id()?.ok_or_else(|| {
            invalid("the document lists clients, and says by no client_id which of them is in use")
                .with_hint("add client_id and client_secret of one of the two")
        })?;
        let idle = match () {
            () if first == second => {
                return Err(invalid("clients lists one client twice")
                    .with_hint("make a second OAuth client with the same roles"));
            }
            () if in_use == *first => second,
            () if in_use == *second => first,
            () => {
                return Err(
                    invalid("client_id is none of the clients").with_hint("client_id names the one that is in use")
                );
            }
        };
        let admin_credentials = self.secret_name(ADMIN_CREDENTIALS)?.ok_or_else(|| {
            invalid("the document lists clients and names no admin_credentials")
                .with_hint("admin_credentials names another secret, whose OAuth client may edit both (oauth:client:edit, and all of their roles)")
        })?;
        Ok(SecretRotation::Alternating { idle: (*idle).to_owned(), admin_credentials })
    }

    fn in_place(&self) -> Result<SecretRotation> {
        if self.value(ACCEPT_GAP, "true or false")?.unwrap_or(false) {
            return Ok(SecretRotation::InPlace);
        }
        Err(invalid("replacing the secret of one client alone leaves a moment in which the stored secret is dead")
            .with_hint(
                r#"list two clients to have none ("clients" and "admin_credentials"), or say "accept_gap": true"#,
            ))
    }

    /// This document with another client in use, or the same one with another secret; and with that secret in the list
    /// of clients, where there is one.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] where the list cannot be read.
    pub(crate) fn with_client(&self, client: &KeyPair) -> Result<Self> {
        let mut next = self.clone();
        next.set_pair(&CLIENT, client);
        let Some(mut clients) = self.clients()? else { return Ok(next) };
        for listed in clients.iter_mut().filter(|listed| listed.client_id().ok().flatten().as_ref() == Some(&client.id))
        {
            listed.set(CLIENT.secret[0], client.secret.expose_secret());
        }
        next.set_clients(&clients);
        Ok(next)
    }

    pub(crate) fn clients(&self) -> Result<Option<Vec<Self>>> {
        let read = |json| serde_json::from_str(json).map_err(|_| invalid("the field clients is not a list of clients"));
        self.json(CLIENTS).map(read).transpose()
    }

    pub(crate) fn set_clients(&mut self, clients: &[Self]) {
        let texts = clients.iter().map(Self::to_text);
        let list = Zeroizing::new(format!("[{}]", texts.map(|text| text.to_string()).collect::<Vec<_>>().join(",")));
        self.set_json(CLIENTS, list);
    }

    pub(crate) fn client_ids(&self) -> Option<Vec<Option<String>>> {
        let clients = self.clients().ok()??;
        Some(clients.iter().map(|client| client.client_id().ok().flatten()).collect())
    }

    /// Whether the client or the access key of these credentials takes turns in this document.
    pub(crate) fn knows(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::Cxone { .. } => self.knows_access_key(credentials.access_key_id()),
            Credentials::GenesysCloud { client, .. } => {
                self.client_ids().is_some_and(|ids| ids.iter().flatten().any(|id| *id == client.id))
            }
        }
    }

    /// A field of another type than text.
    fn value<'a, T: Deserialize<'a>>(&'a self, name: &str, what: &str) -> Result<Option<T>> {
        match self.json(name) {
            None | Some("null") => Ok(None),
            Some(json) => {
                serde_json::from_str(json).map(Some).map_err(|_| invalid(format!("the field {name} is not {what}")))
            }
        }
    }
}
