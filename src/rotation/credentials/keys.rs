//! Client credentials, and where they are good.

use serde::Deserialize;

use super::place::{CxoneLogin, CxonePlace, Place};
use crate::secret::SecretString;

/// An id and its secret.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The id, which is no secret.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

/// The owner of an access key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyOwner {
    /// The user's id.
    pub user_id: String,
    /// The tenant's id.
    pub tenant_id: String,
}

/// Client credentials, and where they are good: whatever a platform takes for a token.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An OAuth client of Genesys Cloud.
    GenesysCloud {
        /// The region as the document names it.
        region: String,
        /// The OAuth client.
        client: KeyPair,
    },
    /// One of the three forms of NICE CXone.
    Cxone {
        /// What is exchanged, and where.
        grant: CxoneGrant,
        /// The tenant's id, where the document gives one.
        tenant_id: Option<String>,
    },
}

/// What is exchanged for a token of NICE CXone, and where (NICE developer portal, "CXone authentication" and "UserHub").
#[derive(Clone, Debug)]
pub enum CxoneGrant {
    /// A back-end application acting for the user whose access key it holds.
    BackEnd {
        /// The issuer as the document names it.
        issuer: String,
        /// The registered application.
        client: KeyPair,
        /// The user's access key.
        access_key: KeyPair,
    },
    /// An access key alone, at UserHub.
    UserHub {
        /// The area as the document names it.
        area: String,
        /// The user's access key.
        access_key: KeyPair,
    },
    /// An older application, by the client-credentials grant.
    ClientCredentials {
        /// The realm as the document names it.
        realm: String,
        /// The application.
        client: KeyPair,
    },
}

impl Credentials {
    /// Where they are good, which is no secret.
    pub fn place(&self) -> Place {
        match self {
            Self::GenesysCloud { region, .. } => Place::GenesysCloud { region: region.clone() },
            Self::Cxone { grant, tenant_id } => {
                Place::Cxone(CxonePlace { login: grant.login(), tenant_id: tenant_id.clone() })
            }
        }
    }

    /// The id of the client, or of the access key where there is no client.
    pub fn id(&self) -> &str {
        match self {
            Self::GenesysCloud { client, .. }
            | Self::Cxone {
                grant: CxoneGrant::BackEnd { client, .. } | CxoneGrant::ClientCredentials { client, .. },
                ..
            } => &client.id,
            Self::Cxone { grant: CxoneGrant::UserHub { access_key, .. }, .. } => &access_key.id,
        }
    }

    /// The id of the access key; that of the client where there is none.
    pub fn access_key_id(&self) -> &str {
        match self {
            Self::Cxone {
                grant: CxoneGrant::BackEnd { access_key, .. } | CxoneGrant::UserHub { access_key, .. },
                ..
            } => &access_key.id,
            other => other.id(),
        }
    }
}

impl CxoneGrant {
    /// Where it is exchanged.
    pub fn login(&self) -> CxoneLogin {
        match self {
            Self::BackEnd { issuer, .. } => CxoneLogin::Issuer(issuer.clone()),
            Self::UserHub { area, .. } => CxoneLogin::Area(area.clone()),
            Self::ClientCredentials { realm, .. } => CxoneLogin::Realm(realm.clone()),
        }
    }
}
