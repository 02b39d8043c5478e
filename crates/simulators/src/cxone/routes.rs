//! The simulated paths.

/// The path prefixes of CXone, also for paths that are not simulated.
const OWN: [&str; 5] = ["/.well-known/", "/auth/", "/authentication/", "/incontactapi/", "/access-key-management/"];
const SERVICES: &str = "/incontactapi/services/v27.0/";
const ACCESS_KEYS: &str = "/access-key-management/v1/access-keys";

/// The resource of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CxoneResource<'path> {
    OpenidConfiguration,
    CxoneConfiguration,
    Token,
    UserHubToken,
    OlderToken,
    BusinessUnit,
    List(&'static str),
    AccessKeys,
    AccessKey(&'path str),
}

impl<'path> CxoneResource<'path> {
    /// Returns the resource at a path.
    pub fn at(path: &'path str) -> Option<Self> {
        Some(match path {
            "/.well-known/openid-configuration" => Self::OpenidConfiguration,
            "/.well-known/cxone-configuration" => Self::CxoneConfiguration,
            "/auth/token" => Self::Token,
            "/authentication/v1/token/access-key" => Self::UserHubToken,
            "/oauth/token" => Self::OlderToken,
            ACCESS_KEYS => Self::AccessKeys,
            _ => match path.strip_prefix(SERVICES) {
                Some("business-unit") => Self::BusinessUnit,
                Some("agents") => Self::List("agents"),
                Some("skills") => Self::List("skills"),
                Some(_) => return None,
                None => Self::AccessKey(path.strip_prefix(ACCESS_KEYS)?.strip_prefix('/').filter(|id| is_id(id))?),
            },
        })
    }

    /// Returns the path with `{id}` for the id in it, for operation names.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::OpenidConfiguration => "/.well-known/openid-configuration",
            Self::CxoneConfiguration => "/.well-known/cxone-configuration",
            Self::Token => "/auth/token",
            Self::UserHubToken => "/authentication/v1/token/access-key",
            Self::OlderToken => "/oauth/token",
            Self::BusinessUnit => "/incontactapi/services/v27.0/business-unit",
            Self::List("agents") => "/incontactapi/services/v27.0/agents",
            Self::List(_) => "/incontactapi/services/v27.0/skills",
            Self::AccessKeys => ACCESS_KEYS,
            Self::AccessKey(_) => "/access-key-management/v1/access-keys/{id}",
        }
    }

    /// Returns the supported methods.
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::UserHubToken | Self::OlderToken => &["POST"],
            Self::AccessKeys => &["GET", "POST", "PATCH"],
            Self::AccessKey(_) => &["GET", "DELETE"],
            _ => &["GET"],
        }
    }
}

/// Returns whether a path has a prefix of CXone.
pub(super) fn is_own(path: &str) -> bool {
    OWN.into_iter().any(|part| path.starts_with(part))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}
