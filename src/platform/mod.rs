//! The contact-centre platforms: where they are, how they issue tokens, and what their answers mean.

mod answer;
#[cfg(feature = "cli")]
mod api;
mod cxone;
mod endpoints;
mod genesys_cloud;
mod http;
mod token_answer;

#[cfg(feature = "operator")]
use std::time::Duration;

#[cfg(feature = "operator")]
use crate::rotation::TokenDuration;
use crate::rotation::{
    AccessKeys, ClientSecrets, Credentials, IssuedToken, KeyOwner, KeyPair, Place, Probe, Result, TokenIssuer,
    TokenKind, not_offered,
};
use crate::secret::SecretString;

#[cfg(feature = "cli")]
use http::Http;
#[cfg(feature = "cli")]
use reqwest::Method;

#[cfg(feature = "cli")]
pub use api::{Api, ApiAnswer, ApiCall, ApiPath, Refusal, SuccessBody, may_have_been_carried_out};
pub use cxone::Cxone;
pub use endpoints::{API_URL, Endpoints, LOGIN_URL};
pub use genesys_cloud::{GenesysCloud, Region};

/// Every platform, told apart by what a document names.
#[derive(Clone, Debug)]
pub struct Platforms {
    genesys_cloud: GenesysCloud,
    cxone: Cxone,
    /// For calls by hand.
    #[cfg(feature = "cli")]
    http: Http,
}

impl Platforms {
    /// All platforms, at their own addresses unless the operator set others.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            #[cfg(feature = "cli")]
            http: Http::new(endpoints.any_loopback()),
            genesys_cloud: GenesysCloud::new(endpoints.clone()),
            cxone: Cxone::new(endpoints),
        }
    }

    /// Makes sure that a place is one of those that credentials may be sent to. Nothing is asked for it.
    ///
    /// # Errors
    /// `UnknownRegion` for a region, issuer, area or realm that is none; `DocumentInvalid` for what cannot be a tenant.
    pub fn recognise(&self, place: &Place) -> Result<()> {
        match place {
            Place::GenesysCloud { region } => Region::parse(region).map(drop),
            Place::Cxone(place) => cxone::recognise(place),
        }
    }

    /// The base address of the API that a token is good for, without a slash at its end. CXone is asked for it,
    /// once an hour at most.
    ///
    /// # Errors
    /// As for [`recognise`](Self::recognise), and `PlatformUnavailable` where CXone cannot be asked.
    pub async fn api_url(&self, place: &Place, token: &SecretString) -> Result<String> {
        match place {
            Place::GenesysCloud { region } => self.genesys_cloud.api_url(region),
            Place::Cxone(place) => self.cxone.api_url(place, token).await,
        }
    }

    /// The API that a token is good for, to be called by hand.
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

    /// Asks the platform whether it takes a token. That needs no permission.
    ///
    /// # Errors
    /// `TokenRejected` where it does not; as for [`api`](Self::api), and whatever kept it from answering.
    #[cfg(feature = "cli")]
    pub async fn accepts(&self, place: &Place, token: &SecretString) -> Result<()> {
        let api = self.api(place, token).await?;
        let path = api.path(match place {
            Place::GenesysCloud { .. } => genesys_cloud::TOKENS_ME,
            Place::Cxone(_) => cxone::BUSINESS_UNIT,
        })?;
        match api.call(&ApiCall { method: Method::GET, path, body: None }, token).await? {
            ApiAnswer::Success(_) => Ok(()),
            ApiAnswer::Refusal(refusal) => Err(refusal.diagnosis()),
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
            Place::Cxone(_) => self.cxone.revoke(token).await,
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
            Place::Cxone(_) => Err(not_offered("a setting for how long tokens live")),
        }
    }
}
