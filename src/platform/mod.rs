//! The contact-centre platforms: addresses, requests, and the meaning of each response.

mod address;
#[cfg(feature = "cli")]
mod api;
mod cxone;
mod endpoints;
mod genesys_cloud;
mod http;
mod probes;
mod response;
mod token_response;

#[cfg(feature = "operator")]
use std::time::Duration;

use crate::rotation::{
    AccessKeys, ClientSecrets, Credentials, ErrorKind, IdleEnd, IssuedToken, KeepAlive, KeyOwner, KeyPair, Place,
    Probe, Result, RotationError, TokenIssuer, TokenKind, not_offered,
};
#[cfg(feature = "operator")]
use crate::rotation::{
    ClientState, ClientStates, FoundClient, IdleTimeouts, Observation, Observe, TokenDuration, TokenOwner, TokenOwners,
};
use crate::secret::SecretString;

#[cfg(feature = "cli")]
use http::HttpClient;
#[cfg(feature = "cli")]
use reqwest::Method;

#[cfg(feature = "cli")]
pub use api::{Api, ApiCall, ApiPath, ApiResponse, ErrorResponse, Forwarder, SuccessBody, with_unknown_outcome};
pub use cxone::Cxone;
pub use endpoints::{API_URL, Endpoints, LOGIN_URL};
pub use genesys_cloud::{GenesysCloud, Region};

/// All platforms; the document's `platform` selects one.
#[derive(Clone, Debug)]
pub struct Platforms {
    genesys_cloud: GenesysCloud,
    cxone: Cxone,
    /// For requests of the command `api`.
    #[cfg(feature = "cli")]
    http: HttpClient,
}

impl Platforms {
    /// Creates all platforms with their own addresses, unless the operator overrides them.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            #[cfg(feature = "cli")]
            http: HttpClient::new(endpoints.any_loopback()),
            genesys_cloud: GenesysCloud::new(endpoints.clone()),
            cxone: Cxone::new(endpoints),
        }
    }

    /// Checks that credentials may be sent to a place, without any request.
    ///
    /// # Errors
    /// `UnknownRegion` for an unknown region, issuer, area or realm; `DocumentInvalid` for an invalid tenant id.
    pub fn check_place(place: &Place) -> Result<()> {
        match place {
            Place::GenesysCloud { region } => Region::parse(region).map(drop),
            Place::Cxone(place) => cxone::check_place(place),
        }
    }

    /// Checks that a text has the form of an OAuth client's id, without any request.
    ///
    /// # Errors
    /// `DocumentInvalid` for any other text, which the message does not repeat.
    #[cfg(feature = "cli")]
    pub fn check_client_id(text: &str) -> Result<()> {
        genesys_cloud::check_id(text)
    }

    /// Returns the base address of the API for which a token is valid, without a trailing slash. For CXone this is a
    /// request, at most once an hour.
    ///
    /// # Errors
    /// As for [`check_place`](Self::check_place), and `PlatformUnavailable` if CXone's discovery fails.
    pub async fn api_url(&self, place: &Place, token: &SecretString) -> Result<String> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.api_url(region),
            Place::Cxone(place) => self.cxone.api_url(place, token).await,
        }
    }

    /// Returns a forwarder for requests of other programs.
    #[cfg(feature = "cli")]
    pub fn forwarder(&self) -> Forwarder {
        Forwarder::new(&self.http)
    }

    /// Returns the API for which a token is valid.
    ///
    /// # Errors
    /// As for [`api_url`](Self::api_url).
    #[cfg(feature = "cli")]
    pub async fn api(&self, place: &Place, token: &SecretString) -> Result<Api> {
        let base = self.api_url(place, token).await?;
        let own = match place {
            Place::GenesysCloud { region } => Some(Region::parse(region)?.api_url()),
            Place::Cxone(_) => None,
        };
        Api::at(&self.http, place.platform(), &base, own.as_deref())
    }

    /// Checks that the platform accepts a token, with a request that needs no permission.
    ///
    /// # Errors
    /// `TokenRejected` if not; as for [`api`](Self::api); and other platform errors.
    #[cfg(feature = "cli")]
    pub async fn accepts(&self, place: &Place, token: &SecretString) -> Result<()> {
        let api = self.api(place, token).await?;
        let path = api.path(match place {
            Place::GenesysCloud { .. } => genesys_cloud::TOKENS_ME,
            Place::Cxone(_) => cxone::BUSINESS_UNIT,
        })?;
        match api.call(&ApiCall { method: Method::GET, path, body: None }, token).await? {
            ApiResponse::Success(_) => Ok(()),
            ApiResponse::Error(response) => Err(response.error()),
        }
    }
}

impl TokenIssuer for Platforms {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        match credentials {
            Credentials::GenesysCloud { region, client } => self.genesys_cloud.issue(region, client).await,
            Credentials::Cxone { grant, tenant_id } => self.cxone.issue(grant, tenant_id.as_deref()).await,
        }
    }

    async fn verify(&self, credentials: &Credentials, token: &SecretString, probes: &[Probe]) -> Result<()> {
        match credentials {
            Credentials::GenesysCloud { region, client } => {
                self.genesys_cloud.verify(region, &client.id, token, probes).await
            }
            Credentials::Cxone { grant, tenant_id } => {
                self.cxone.verify(&grant.login(), tenant_id.as_deref(), token, probes).await
            }
        }
    }

    async fn revoke(&self, place: &Place, token: &SecretString) -> Result<()> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.revoke(region, token).await,
            // CXone documents no revocation of tokens, and deleting the access key would end its owner's access: the token
            // stays valid for the rest of its hour.
            Place::Cxone(_) => Ok(()),
        }
    }

    async fn issue_long_lived(
        &self,
        place: &Place,
        access_token: &SecretString,
        kind: &TokenKind,
    ) -> Result<IssuedToken> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.issue_long_lived(region, access_token, kind).await,
            Place::Cxone(_) => Err(not_offered("tokens of another kind than access tokens")),
        }
    }
}

impl ClientSecrets for Platforms {
    async fn regenerate(&self, place: &Place, client_id: &str, token: &SecretString) -> Result<SecretString> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.regenerate(region, client_id, token).await,
            Place::Cxone(_) => Err(not_offered("new client secrets")),
        }
    }
}

impl AccessKeys for Platforms {
    async fn key_owner(&self, place: &Place, access_key_id: &str, token: &SecretString) -> Result<KeyOwner> {
        match place {
            Place::GenesysCloud { .. } => Err(not_offered("access keys")),
            Place::Cxone(place) => self.cxone.key_owner(place, access_key_id, token).await,
        }
    }

    async fn create_access_key(&self, place: &Place, owner: &KeyOwner, token: &SecretString) -> Result<KeyPair> {
        match place {
            Place::GenesysCloud { .. } => Err(not_offered("access keys")),
            Place::Cxone(place) => self.cxone.create_access_key(place, owner, token).await,
        }
    }

    async fn delete_access_key(&self, place: &Place, access_key_id: &str, token: &SecretString) -> Result<()> {
        match place {
            Place::GenesysCloud { .. } => Err(not_offered("access keys")),
            Place::Cxone(place) => self.cxone.delete_access_key(place, access_key_id, token).await,
        }
    }
}

/// CXone documents no idle time-out.
impl KeepAlive for Platforms {
    async fn keep_alive(&self, place: &Place, token: &SecretString) -> Result<Option<IdleEnd>> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.keep_alive(region, token).await,
            Place::Cxone(_) => {
                Err(RotationError::new(ErrorKind::DocumentInvalid, "NICE CXone documents no idle time-out of tokens")
                    .with_hint("rotate this secret by its schedule: only tokens of genesys-cloud can be kept alive"))
            }
        }
    }
}

#[cfg(feature = "operator")]
impl IdleTimeouts for Platforms {
    async fn idle_end(&self, place: &Place, token: &SecretString) -> Result<Option<IdleEnd>> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.idle_end(region, token).await,
            Place::Cxone(_) => Ok(None),
        }
    }

    async fn idle_timeout(&self, place: &Place, token: &SecretString) -> Result<Option<Duration>> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.idle_timeout(region, token).await,
            Place::Cxone(_) => Ok(None),
        }
    }
}

#[cfg(feature = "operator")]
impl TokenDuration for Platforms {
    async fn token_duration(&self, place: &Place, client_id: &str, token: &SecretString) -> Result<Option<Duration>> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.token_duration(region, client_id, token).await,
            Place::Cxone(_) => Ok(None),
        }
    }

    async fn set_token_duration(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        duration: Duration,
    ) -> Result<Option<Duration>> {
        match place {
            Place::GenesysCloud { region } => {
                self.genesys_cloud.set_token_duration(region, client_id, token, duration).await
            }
            Place::Cxone(_) => Err(not_offered("a token duration setting")),
        }
    }
}

#[cfg(feature = "operator")]
impl ClientStates for Platforms {
    async fn client(&self, place: &Place, client_id: &str, token: &SecretString) -> Result<FoundClient> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.client(region, client_id, token).await,
            Place::Cxone(_) => Err(not_offered("states of OAuth clients")),
        }
    }

    async fn set_client_state(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        state: ClientState,
    ) -> Result<()> {
        match place {
            Place::GenesysCloud { region } => {
                self.genesys_cloud.set_client_state(region, client_id, token, state).await
            }
            Place::Cxone(_) => Err(not_offered("states of OAuth clients")),
        }
    }
}

#[cfg(feature = "operator")]
impl TokenOwners for Platforms {
    async fn token_owner(&self, place: &Place, token: &SecretString) -> Result<TokenOwner> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.token_owner(region, token).await,
            Place::Cxone(_) => Err(not_offered("the owner of a token")),
        }
    }
}

#[cfg(feature = "operator")]
impl Observe for Platforms {
    async fn observe_issue(&self, credentials: &Credentials) -> Result<(IssuedToken, Vec<Observation>)> {
        match credentials {
            Credentials::GenesysCloud { region, client } => self.genesys_cloud.observe_issue(region, client).await,
            Credentials::Cxone { grant, tenant_id } => self.cxone.observe_issue(grant, tenant_id.as_deref()).await,
        }
    }

    async fn observe_token(&self, credentials: &Credentials, token: &IssuedToken) -> Result<Vec<Observation>> {
        match credentials {
            Credentials::GenesysCloud { region, client } => {
                self.genesys_cloud.observe_token(region, &client.id, &token.access_token).await
            }
            Credentials::Cxone { .. } => self.cxone.observe_token(&token.place(credentials), &token.access_token).await,
        }
    }

    async fn observe_revocation(&self, credentials: &Credentials, token: &IssuedToken) -> Result<Vec<Observation>> {
        match credentials {
            Credentials::GenesysCloud { region, .. } => {
                self.genesys_cloud.observe_revocation(region, &token.access_token).await
            }
            // CXone has no call to revoke a token.
            Credentials::Cxone { .. } => Ok(Vec::new()),
        }
    }
}
