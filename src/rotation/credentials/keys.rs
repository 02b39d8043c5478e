//! Client credentials, access keys, and where they are valid.

use serde::Deserialize;

use super::place::{CxoneLogin, CxonePlace, Place};
use crate::secret::SecretString;

/// An id and its secret.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The id, which is not a secret.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

/// Credentials that a platform exchanges for a token, and where they are valid.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An OAuth client of Genesys Cloud.
    GenesysCloud {
        /// The region, as the document names it.
        region: String,
        /// The OAuth client.
        client: KeyPair,
    },
    /// One of the three forms of NICE CXone.
    Cxone {
        /// The grant and its credentials.
        grant: CxoneGrant,
        /// The tenant id, if the document names one.
        tenant_id: Option<String>,
    },
}

/// A grant of NICE CXone with its credentials (NICE developer portal, "CXone authentication" and "UserHub").
#[derive(Clone, Debug)]
pub enum CxoneGrant {
    /// A back-end application that acts for the owner of an access key.
    BackEnd {
        /// The issuer, as the document names it.
        issuer: String,
        /// The registered application.
        client: KeyPair,
        /// The user's access key.
        access_key: KeyPair,
    },
    /// An access key without an application, at UserHub.
    UserHub {
        /// The area, as the document names it.
        area: String,
        /// The user's access key.
        access_key: KeyPair,
    },
    /// A legacy application, with the client-credentials grant.
    ClientCredentials {
        /// The realm, as the document names it.
        realm: String,
        /// The application.
        client: KeyPair,
    },
}

impl Credentials {
    /// Where the credentials are valid; this is not a secret.
    pub fn place(&self) -> Place {
        match self {
            Self::GenesysCloud { region, .. } => Place::GenesysCloud { region: region.clone() },
            Self::Cxone { grant, tenant_id } => {
                Place::Cxone(CxonePlace { login: grant.login(), tenant_id: tenant_id.clone() })
            }
        }
    }

    /// These credentials in a tenant, unless they name one themselves.
    #[must_use]
    pub(crate) fn in_tenant(mut self, tenant: Option<&str>) -> Self {
        if let Self::Cxone { tenant_id: tenant_id @ None, .. } = &mut self {
            *tenant_id = tenant.map(str::to_owned);
        }
        self
    }

    /// The id of the client, or of the access key if there is no client.
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

    /// The id of the access key, or of the client if there is no access key.
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
    /// The login that accepts this grant.
    pub fn login(&self) -> CxoneLogin {
        match self {
            Self::BackEnd { issuer, .. } => CxoneLogin::Issuer(issuer.clone()),
            Self::UserHub { area, .. } => CxoneLogin::Area(area.clone()),
            Self::ClientCredentials { realm, .. } => CxoneLogin::Realm(realm.clone()),
        }
    }
}

/// The owner of an access key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyOwner {
    /// The user id.
    pub user_id: String,
    /// The tenant id.
    pub tenant_id: String,
}
