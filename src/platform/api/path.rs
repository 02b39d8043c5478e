//! Paths of the API, from paths or URLs.

use std::fmt;

use url::Url;

use super::Api;
use crate::rotation::{ErrorKind, PlatformName, Result, RotationError, is_plain_path};

/// A path of the API with its query. It cannot lead to another host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiPath(String);

impl ApiPath {
    /// Returns the path with its query; it starts with a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns this path with a query parameter set or replaced.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> Self {
        let (path, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
        let encoded = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let query: Vec<_> = others.chain([encoded.as_str()]).collect();
        Self(format!("{path}?{}", query.join("&")))
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Api {
    /// Parses user input: a path such as `/api/v2/users/me`, or a URL of this API.
    ///
    /// # Errors
    /// `DocumentInvalid` for anything else.
    pub fn path(&self, typed: &str) -> Result<ApiPath> {
        let refused = |why: &str| {
            let hint = format!("write a path such as {}, or its full URL at {}", self.example(), self.base);
            Err(RotationError::new(ErrorKind::DocumentInvalid, format!("PATH {why}")).with_hint(hint))
        };
        if typed.is_empty() {
            return refused("is empty");
        }
        // A URL parser would normalize text that must be rejected.
        if !is_plain_path(&format!("/{}", typed.trim_start_matches('/'))) {
            return refused("is not a plain path of this API");
        }
        let path = if typed.starts_with('/') {
            typed
        } else {
            match typed.split_once("://").map(|(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..])) {
                Some(_) if !self.is_known(typed) => return refused("is a URL outside this API"),
                Some(path) => self.without_base(path),
                None => return refused("is neither a path nor a URL"),
            }
        };
        match self.checked(path) {
            Some(path) => Ok(path),
            None => refused("is not a plain path of this API"),
        }
    }

    /// Resolves a link in the response to a call of `from`.
    ///
    /// # Errors
    /// `PlatformUnavailable` for a link outside this API: the token is sent nowhere else.
    pub fn follow(&self, from: &ApiPath, link: &str) -> Result<ApiPath> {
        let path = match Url::parse(link) {
            Ok(url) if self.is_known(link) => {
                let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
                Some(format!("{}{query}", self.without_base(url.path())))
            }
            Ok(_) => None,
            Err(_) => self.beside(from, link),
        };
        path.and_then(|path| self.checked(&path)).ok_or_else(|| {
            let message =
                "the response links to a next page outside this API; the link was not followed";
            RotationError::new(ErrorKind::PlatformUnavailable, message)
                .with_hint(
                    "check ROTATOR_API_URL and any proxy, and do not trust this response: the token is not sent to another host",
                )
                .permanent()
        })
    }

    /// Resolves a relative link as a browser does.
    fn beside(&self, from: &ApiPath, link: &str) -> Option<String> {
        let here = self.known.first()?.join(from.as_str()).ok()?;
        let there = here.join(link).ok().filter(|there| there.origin() == here.origin())?;
        let query = there.query().map_or_else(String::new, |query| format!("?{query}"));
        Some(format!("{}{query}", there.path()))
    }

    fn checked(&self, path: &str) -> Option<ApiPath> {
        let prefix = match self.platform {
            PlatformName::GenesysCloud => "/api/",
            PlatformName::Cxone => "/",
        };
        (is_plain_path(path) && path.starts_with(prefix)).then(|| ApiPath(path.to_owned()))
    }

    fn is_known(&self, text: &str) -> bool {
        let Ok(url) = Url::parse(text) else { return false };
        let plain = url.username().is_empty() && url.password().is_none();
        plain && self.known.iter().any(|known| known.origin() == url.origin())
    }

    /// Removes the path of the operator's base address.
    fn without_base<'a>(&self, path: &'a str) -> &'a str {
        let base = self.known.first().map_or("", |base| base.path().trim_end_matches('/'));
        path.strip_prefix(base).filter(|rest| rest.starts_with('/')).unwrap_or(path)
    }

    fn example(&self) -> &'static str {
        match self.platform {
            PlatformName::GenesysCloud => "/api/v2/users/me",
            PlatformName::Cxone => "/incontactapi/services/v27.0/business-unit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::http::HttpClient;

    const OWN: &str = "https://api.mypurecloud.ie";

    fn api(base: &str) -> Api {
        Api::at(&HttpClient::new(true), PlatformName::GenesysCloud, base, Some(OWN)).expect("a valid address")
    }

    fn typed(base: &str, text: &str) -> Option<String> {
        api(base).path(text).ok().map(|path| path.as_str().to_owned())
    }

    #[test]
    fn a_path_or_a_url_of_the_api_is_accepted() {
        let me = Some("/api/v2/users/me".to_owned());
        for text in [
            "/api/v2/users/me",
            "https://api.mypurecloud.ie/api/v2/users/me",
            "HTTPS://API.mypurecloud.ie/api/v2/users/me",
        ] {
            assert_eq!(typed(OWN, text), me, "{text}");
        }
        let proxy = "https://proxy.example/genesys";
        for text in ["https://proxy.example/genesys/api/v2/users/me", "https://api.mypurecloud.ie/api/v2/users/me"] {
            assert_eq!(typed(proxy, text), me, "{text}");
        }
        assert_eq!(typed(OWN, "/api/v2/users?q=a%20b&x={y}").as_deref(), Some("/api/v2/users?q=a%20b&x={y}"));
    }

    #[test]
    fn any_other_path_or_url_is_rejected() {
        for text in [
            "",
            "api/v2/users/me",
            "/oauth/token",
            "//evil.example/api/v2/users",
            "/\\evil.example/api/",
            "/api/../oauth/token",
            "/api/%2e%2e/oauth/token",
            "/api/v2/users me",
            "/api/v2/users#me",
            "/api/v2/users\n",
            "/api/v2/üsers",
            "https://evil.example/api/v2/users/me",
            "https://api.mypurecloud.ie.evil.example/api/v2/users/me",
            "https://api.mypurecloud.ie@evil.example/api/v2/users/me",
            "https://me:pass@api.mypurecloud.ie/api/v2/users/me",
            "https://me@api.mypurecloud.ie/api/v2/users/me",
            "https://:pass@api.mypurecloud.ie/api/v2/users/me",
            "http://api.mypurecloud.ie/api/v2/users/me",
            "https://api.mypurecloud.ie:8443/api/v2/users/me",
            "https://api.mypurecloud.ie",
            "https://api.mypurecloud.ie/oauth/token",
            "https://api.mypurecloud.ie\\@evil.example/api/v2",
            "file:///api/v2/users",
            "mailto:api",
        ] {
            assert_eq!(typed(OWN, text), None, "{text}");
        }
        let error = api(OWN).path("").expect_err("no path");
        assert_eq!(
            error.hint(),
            "write a path such as /api/v2/users/me, or its full URL at https://api.mypurecloud.ie"
        );
    }

    #[test]
    fn links_are_followed_only_within_the_api() {
        let follow = |link: &str| {
            let api = api("http://127.0.0.1:8080");
            let from = api.path("/api/v2/users?pageNumber=1").expect("a path");
            api.follow(&from, link).ok().map(|path| path.as_str().to_owned())
        };
        let second = Some("/api/v2/users?pageNumber=2".to_owned());
        for link in [
            "/api/v2/users?pageNumber=2",
            "?pageNumber=2",
            "users?pageNumber=2",
            "http://127.0.0.1:8080/api/v2/users?pageNumber=2",
            "https://api.mypurecloud.ie/api/v2/users?pageNumber=2",
        ] {
            assert_eq!(follow(link), second, "{link}");
        }
        for link in [
            "http://127.0.0.1:8081/api/v2/users?pageNumber=2",
            "//127.0.0.1:8081/api/v2/users",
            "/\\127.0.0.1:8081/api/v2/users",
            "https://evil.example/api/v2/users",
            "http://127.0.0.1:8080@evil.example/api/v2/users",
            "/oauth/token",
            "../../oauth/token",
            "javascript:alert(1)",
        ] {
            assert_eq!(follow(link), None, "{link}");
        }
    }

    #[test]
    fn a_query_parameter_is_set_or_replaced() {
        let path =
            |text: &str| api(OWN).path(text).expect("a path").with_parameter("cursor", "a+b/=").as_str().to_owned();
        assert_eq!(path("/api/v2/x"), "/api/v2/x?cursor=a%2Bb%2F%3D");
        assert_eq!(path("/api/v2/x?cursor=1&pageSize=2"), "/api/v2/x?pageSize=2&cursor=a%2Bb%2F%3D");
    }
}
