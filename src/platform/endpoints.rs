//! Addresses that the operator sets in place of a platform's own.

use url::Url;

use crate::loopback::is_loopback;
use crate::rotation::{ErrorKind, Result, RotationError};

/// The environment variable that sets the login address.
pub const LOGIN_URL: &str = "ROTATOR_LOGIN_URL";
/// The environment variable that sets the API address.
pub const API_URL: &str = "ROTATOR_API_URL";

/// The operator's addresses. A document can never set them: whoever may write a secret
/// must not be able to send its credentials elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    login: Option<Url>,
    api: Option<Url>,
}

impl Endpoints {
    /// Reads both variables through a lookup.
    ///
    /// # Errors
    /// [`ErrorKind::ConfigurationInvalid`] for what is not https, nor http to a loopback address.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let read = |name: &str| lookup(name).filter(|text| !text.is_empty()).map(|text| parse(name, &text)).transpose();
        Ok(Self { login: read(LOGIN_URL)?, api: read(API_URL)? })
    }

    /// The login address for a host that the platform would have.
    pub(super) fn login(&self, host: &str) -> String {
        base(self.login.as_ref(), host)
    }

    /// The API address for a host that the platform would have.
    pub(super) fn api(&self, host: &str) -> String {
        base(self.api.as_ref(), host)
    }

    /// The login address in the place of one that the platform named: the same path there.
    pub(super) fn login_at(&self, named: &Url) -> String {
        at(self.login.as_ref(), named)
    }

    /// The API address in the place of one that the platform named: the same path there.
    pub(super) fn api_at(&self, named: &Url) -> String {
        at(self.api.as_ref(), named)
    }

    /// Whether a URL is at one of the operator's own addresses.
    pub(super) fn holds(&self, url: &Url) -> bool {
        [&self.login, &self.api].into_iter().flatten().any(|own| own.origin() == url.origin())
    }

    /// Whether an address is on this machine, where no proxy has to be asked.
    pub(super) fn any_loopback(&self) -> bool {
        [&self.login, &self.api].into_iter().flatten().any(is_loopback)
    }
}

/// The base without a slash at its end, so that a path can be put behind it.
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
        let hint =
            format!("set {name} to an https address, or to http on a loopback address, such as http://127.0.0.1:8080");
        Err(RotationError::new(ErrorKind::ConfigurationInvalid, format!("{name} {why}")).with_hint(hint))
    };
    let Ok(url) = Url::parse(text) else { return refuse("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse("must hold neither credentials, nor a query, nor a fragment");
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
    fn only_https_and_loopback_are_taken() {
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
            "https://proxy.example?x=1",
            "proxy.example",
        ] {
            assert_eq!(read(url), Err(ErrorKind::ConfigurationInvalid), "{url}");
        }
    }

    #[test]
    fn what_the_platform_names_keeps_its_path_at_the_operators_address() {
        let named = Url::parse("https://cxone.niceincontact.com/auth/token").expect("a URL");
        let endpoints = |login: &str| Endpoints::from_lookup(|_| Some(login.to_owned())).expect("it may be set");
        assert_eq!(Endpoints::default().login_at(&named), "https://cxone.niceincontact.com/auth/token");
        assert_eq!(endpoints("http://127.0.0.1:8080").login_at(&named), "http://127.0.0.1:8080/auth/token");
        let proxy = endpoints("https://proxy.example/nice/");
        assert_eq!(proxy.api_at(&named), "https://proxy.example/nice/auth/token");
        let own = Url::parse("https://proxy.example/nice/token").expect("a URL");
        assert!(proxy.holds(&own) && !proxy.holds(&named));
        assert_eq!(proxy.login_at(&own), "https://proxy.example/nice/token");
    }

    #[test]
    fn what_is_not_set_is_the_platforms_own() {
        assert_eq!(read("").as_deref(), Ok("https://login.example"));
    }
}
