//! Where tokens are good: a platform, and the part of it.

use serde::{Deserialize, Serialize};

use super::platform_name::PlatformName;

/// A platform, and the part of it that a token belongs to, as the document names it. It holds no secret.
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
    /// Where its tokens come from.
    #[serde(flatten)]
    pub login: CxoneLogin,
    /// The tenant's id, where the document gives one; tokens name it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// Where tokens of NICE CXone come from. Each goes with a grant of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CxoneLogin {
    /// An issuer such as `https://cxone.niceincontact.com`.
    Issuer(String),
    /// An area of UserHub such as `na1`.
    Area(String),
    /// A realm of the older API such as `us-22`.
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

    /// The region, issuer, area or realm as the document names it.
    pub fn name(&self) -> &str {
        match self {
            Self::GenesysCloud { region } => region,
            Self::Cxone(place) => place.login.name(),
        }
    }
}

impl CxoneLogin {
    /// The document's field that names it.
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
    fn a_place_is_written_by_the_names_of_the_document() {
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
            assert_eq!(serde_json::to_value(&place).expect("it can be written"), written);
            assert_eq!(serde_json::from_value::<Place>(written).expect("it can be read"), place);
        }
    }
}
