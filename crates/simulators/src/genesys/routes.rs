//! The simulated paths of the Platform API, and the permissions that they require.

use hyper::Method;

use super::lists::Directory;
use super::permissions::Permissions;

/// The resource of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GenesysResource<'path> {
    Me,
    OwnToken,
    IdleTimeout,
    Clients,
    Client(&'path str),
    ClientSecret(&'path str),
    List(Directory),
    UserSearch,
    AuditResults(&'path str),
    GeneratedToken,
    ApiTokens,
}

impl<'path> GenesysResource<'path> {
    /// Returns the resource at a path.
    pub fn at(path: &'path str) -> Option<Self> {
        let segments: Vec<_> = path.strip_prefix("/api/v2/")?.split('/').collect();
        Some(match *segments.as_slice() {
            ["users", "me"] => Self::Me,
            ["tokens", "me"] => Self::OwnToken,
            ["tokens", "timeout"] => Self::IdleTimeout,
            ["oauth", "clients"] => Self::Clients,
            ["oauth", "clients", id] if !id.is_empty() => Self::Client(id),
            ["oauth", "clients", id, "secret"] => Self::ClientSecret(id),
            ["oauth", "token", "generate"] => Self::GeneratedToken,
            ["oauth", "apitokens"] => Self::ApiTokens,
            ["users"] => Self::List(Directory::Users),
            ["users", "search"] => Self::UserSearch,
            ["routing", "skills"] => Self::List(Directory::Skills),
            ["routing", "queues"] => Self::List(Directory::Queues),
            ["authorization", "permissions"] => Self::List(Directory::Permissions),
            ["audits", "query", id, "results"] => Self::AuditResults(id),
            _ => return None,
        })
    }

    /// Returns the path with `{id}` for the id in it, for operation names.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Me => "/api/v2/users/me",
            Self::OwnToken => "/api/v2/tokens/me",
            Self::IdleTimeout => "/api/v2/tokens/timeout",
            Self::Clients => "/api/v2/oauth/clients",
            Self::Client(_) => "/api/v2/oauth/clients/{id}",
            Self::ClientSecret(_) => "/api/v2/oauth/clients/{id}/secret",
            Self::List(directory) => directory.path(),
            Self::UserSearch => "/api/v2/users/search",
            Self::AuditResults(_) => "/api/v2/audits/query/{id}/results",
            Self::GeneratedToken => "/api/v2/oauth/token/generate",
            Self::ApiTokens => "/api/v2/oauth/apitokens",
        }
    }

    /// Returns the supported methods.
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Me | Self::IdleTimeout | Self::List(_) | Self::UserSearch | Self::AuditResults(_) => &["GET"],
            Self::OwnToken => &["GET", "HEAD", "DELETE"],
            Self::Clients => &["GET", "POST"],
            Self::Client(_) => &["GET", "PUT", "DELETE"],
            Self::ClientSecret(_) | Self::GeneratedToken | Self::ApiTokens => &["POST"],
        }
    }

    /// Returns the permissions that a method requires.
    pub fn permissions(self, method: &Method) -> Permissions {
        match (self, method.as_str()) {
            (Self::Clients | Self::Client(_), "GET") => Permissions::All(&["oauth:client:view"]),
            (Self::Clients, _) => Permissions::All(&["oauth:client:add"]),
            (Self::Client(_), "DELETE") => Permissions::All(&["oauth:client:delete"]),
            (Self::Client(_) | Self::ClientSecret(_), _) => Permissions::All(&["oauth:client:edit"]),
            (Self::List(directory), _) => directory.permissions(),
            (Self::UserSearch, _) => Permissions::Any(&["directory:user:view", "directory:userProfile:view"]),
            (Self::AuditResults(_), _) => Permissions::All(&["audits:audit:view"]),
            (Self::Me | Self::OwnToken | Self::IdleTimeout | Self::GeneratedToken | Self::ApiTokens, _) => {
                Permissions::None
            }
        }
    }
}
