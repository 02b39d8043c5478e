//! Where tokens are valid: a platform and the region or tenant within it.

use serde::{Deserialize, Serialize};

use super::platform_name::PlatformName;

/// The platform and the region or tenant that a token is valid for, as the document names them. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "platform")]
pub enum Place {
    /// Genesys Cloud.
    #[serde(rename = "genesys-cloud")]
    GenesysCloud {
        /// An AWS region name or a domain.
        region: String,
    },
    /// NICE CXone.
    #[serde(rename = "nice-cxone")]
    Cxone(CxonePlace),
}

/// A tenant of NICE CXone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CxonePlace {
    /// The login that issues its tokens.
    #[serde(flatten)]
    pub login: CxoneLogin,
    /// The tenant id, if the document or the answer to the token request names one; tokens may name it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// The login that issues tokens of NICE CXone. Each kind has its own grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CxoneLogin {
    /// An issuer such as `https://cxone.niceincontact.com`.
    Issuer(String),
    /// An area of UserHub such as `na1`.
    Area(String),
    /// A realm of the legacy API such as `us-22`.
    Realm(String),
}

impl Place {
    /// The platform.
    pub fn platform(&self) -> PlatformName {
        match self {
            Self::GenesysCloud { .. } => PlatformName::GenesysCloud,
            Self::Cxone(_) => PlatformName::Cxone,
        }
    }

    /// This place in a tenant, unless it names one itself.
    #[must_use]
    pub(crate) fn in_tenant(mut self, tenant: Option<&str>) -> Self {
        if let Self::Cxone(CxonePlace { tenant_id: tenant_id @ None, .. }) = &mut self {
            *tenant_id = tenant.map(str::to_owned);
        }
        self
    }

    /// The region, issuer, area or realm as the document names it.
    pub fn name(&self) -> &str {
        match self {
            Self::GenesysCloud { region } => region,
            Self::Cxone(place) => place.login.name(),
        }
    }
}

impl CxoneLogin {
    /// The name of the document's field.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "issuer",
            Self::Area(_) => "area",
            Self::Realm(_) => "realm",
        }
    }

    /// The issuer, area or realm as the document names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Issuer(name) | Self::Area(name) | Self::Realm(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_serializes_with_the_field_names_of_the_document() {
        let login = CxoneLogin::Issuer("https://cxone.niceincontact.com".to_owned());
        let rows = [
            (
                Place::GenesysCloud { region: "mypurecloud.ie".to_owned() },
                json!({"platform": "genesys-cloud", "region": "mypurecloud.ie"}),
            ),
            (
                Place::Cxone(CxonePlace { login, tenant_id: Some("t".to_owned()) }),
                json!({"platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "tenant_id": "t"}),
            ),
            (
                Place::Cxone(CxonePlace { login: CxoneLogin::Area("na1".to_owned()), tenant_id: None }),
                json!({"platform": "nice-cxone", "area": "na1"}),
            ),
        ];
        for (place, written) in rows {
            assert_eq!(serde_json::to_value(&place).expect("serializes"), written);
            assert_eq!(serde_json::from_value::<Place>(written).expect("deserializes"), place);
        }
    }
}
