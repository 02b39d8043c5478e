//! The platforms' addresses, which the operator may override.

use url::Url;

use crate::loopback::is_loopback;
use crate::rotation::{ErrorKind, Result, RotationError};

/// The environment variable that sets the login address.
pub const LOGIN_URL: &str = "ROTATOR_LOGIN_URL";
/// The environment variable that sets the API address.
pub const API_URL: &str = "ROTATOR_API_URL";

/// The operator's addresses. A document cannot set them: a user who may write a secret must not be able to send its
/// credentials to another host.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    login: Option<Url>,
    api: Option<Url>,
}

impl Endpoints {
    /// Reads both variables with `lookup`.
    ///
    /// # Errors
    /// [`ErrorKind::ConfigurationInvalid`] for a URL that is neither https nor http to a loopback address.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let read = |name: &str| lookup(name).filter(|text| !text.is_empty()).map(|text| parse(name, &text)).transpose();
        Ok(Self { login: read(LOGIN_URL)?, api: read(API_URL)? })
    }

    /// Returns the login address in place of the platform's own `host`.
    pub(super) fn login(&self, host: &str) -> String {
        base(self.login.as_ref(), host)
    }

    /// Returns the API address in place of the platform's own `host`.
    pub(super) fn api(&self, host: &str) -> String {
        base(self.api.as_ref(), host)
    }

    /// Returns the login address in place of a URL that the platform returned, with the same path.
    pub(super) fn login_at(&self, named: &Url) -> String {
        at(self.login.as_ref(), named)
    }

    /// Returns the API address in place of a URL that the platform returned, with the same path.
    pub(super) fn api_at(&self, named: &Url) -> String {
        at(self.api.as_ref(), named)
    }

    /// Returns whether a URL has the origin of one of the operator's addresses.
    pub(super) fn has_origin_of(&self, url: &Url) -> bool {
        [&self.login, &self.api].into_iter().flatten().any(|own| own.origin() == url.origin())
    }

    /// Returns whether an address is loopback, which needs no proxy.
    pub(super) fn any_loopback(&self) -> bool {
        [&self.login, &self.api].into_iter().flatten().any(is_loopback)
    }
}

/// Returns the base address without a trailing slash.
fn base(set: Option<&Url>, host: &str) -> String {
    match set {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("https://{host}"),
    }
}

fn at(set: Option<&Url>, named: &Url) -> String {
    let path = named.path().trim_end_matches('/');
    match set {
        Some(url) if url.origin() != named.origin() => format!("{}{path}", url.as_str().trim_end_matches('/')),
        _ => format!("{}{path}", named.origin().ascii_serialization()),
    }
}

fn parse(name: &str, text: &str) -> Result<Url> {
    let refuse = |why: &str| {
        let hint = format!(
            "set {name} to an https URL, or to an http URL with a loopback address such as http://127.0.0.1:8080"
        );
        Err(RotationError::new(ErrorKind::ConfigurationInvalid, format!("{name} {why}")).with_hint(hint))
    };
    let Ok(url) = Url::parse(text) else { return refuse("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse("must not contain credentials, a query or a fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse("would send credentials over plain http to another machine"),
        _ => refuse("is neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(login: &str) -> std::result::Result<String, ErrorKind> {
        let lookup = |name: &str| (name == LOGIN_URL).then(|| login.to_owned());
        Endpoints::from_lookup(lookup).map(|endpoints| endpoints.login("login.example")).map_err(|error| error.kind())
    }

    #[test]
    fn only_https_and_loopback_are_accepted() {
        assert_eq!(read("https://proxy.example/genesys/").as_deref(), Ok("https://proxy.example/genesys"));
        for url in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"] {
            assert_eq!(read(url).as_deref(), Ok(url));
        }
        for url in [
            "http://proxy.example",
            "http://127.0.0.1.example",
            "http://169.254.169.254",
            "ftp://127.0.0.1",
            "https://me:pass@proxy.example",
            "https://me@proxy.example",
            "https://:pass@proxy.example",
            "https://proxy.example?x=1",
            "https://proxy.example#x",
            "proxy.example",
        ] {
            assert_eq!(read(url), Err(ErrorKind::ConfigurationInvalid), "{url}");
        }
        let error = parse(LOGIN_URL, "http://proxy.example").expect_err("plain http");
        assert!(error.to_string().contains("would send credentials over plain http"), "{error}");
    }

    #[test]
    fn the_operators_address_keeps_the_path_of_the_platforms_url() {
        let named = Url::parse("https://cxone.niceincontact.com/auth/token").expect("a URL");
        let endpoints = |login: &str| Endpoints::from_lookup(|_| Some(login.to_owned())).expect("a valid address");
        assert_eq!(Endpoints::default().login_at(&named), "https://cxone.niceincontact.com/auth/token");
        assert_eq!(endpoints("http://127.0.0.1:8080").login_at(&named), "http://127.0.0.1:8080/auth/token");
        let proxy = endpoints("https://proxy.example/nice/");
        assert_eq!(proxy.api_at(&named), "https://proxy.example/nice/auth/token");
        let own = Url::parse("https://proxy.example/nice/token").expect("a URL");
        assert!(proxy.has_origin_of(&own) && !proxy.has_origin_of(&named));
        assert_eq!(proxy.login_at(&own), "https://proxy.example/nice/token");
    }

    #[test]
    fn only_a_loopback_address_needs_no_proxy() {
        for (address, expected) in [("", false), ("https://proxy.example", false), ("http://127.0.0.1:8080", true)] {
            let endpoints = Endpoints::from_lookup(|_| Some(address.to_owned())).expect("a valid address");
            assert_eq!(endpoints.any_loopback(), expected, "{address}");
        }
    }

    #[test]
    fn without_a_setting_the_platforms_own_address_applies() {
        assert_eq!(read("").as_deref(), Ok("https://login.example"));
    }
}
