//! The issuers, areas and realms of CXone: the only hosts that receive credentials.

use url::Url;

use crate::rotation::{CxoneLogin, ErrorKind, Result, RotationError, shown};

/// The hosts of the issuers: commercial, FedRAMP, and the sovereign regions (NICE developer portal,
/// "CXone authentication").
const ISSUERS: [&str; 5] = [
    "cxone.niceincontact.com",
    "cxone-gov.niceincontact.com",
    "nicecxone-sov1.au",
    "nicecxone-sov1.eu",
    "nicecxone-sov1.uk",
];
/// The areas of UserHub (NICE developer portal, "UserHub").
const AREAS: [&str; 7] = ["na1", "na2", "au1", "eu1", "uk1", "ca1", "jp1"];
/// The domains of all hosts of NICE.
const DOMAINS: [&str; 5] =
    ["niceincontact.com", "nice-incontact.com", "nicecxone-sov1.au", "nicecxone-sov1.eu", "nicecxone-sov1.uk"];
/// The maximum length of a tenant id; the known ids are UUIDs.
const LONGEST_TENANT: usize = 64;

/// The host of a known issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IssuerHost(&'static str);

/// A known area of UserHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area(&'static str);

/// A realm of the legacy API: two letters and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Realm(String);

/// A checked login of NICE CXone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoginHost {
    Issuer(IssuerHost),
    Area(Area),
    Realm(Realm),
}

impl LoginHost {
    /// # Errors
    /// [`ErrorKind::UnknownRegion`] for an unknown issuer, area or realm.
    pub(super) fn parse(login: &CxoneLogin) -> Result<Self> {
        match login {
            CxoneLogin::Issuer(text) => IssuerHost::parse(text).map(Self::Issuer),
            CxoneLogin::Area(text) => Area::parse(text).map(Self::Area),
            CxoneLogin::Realm(text) => Realm::parse(text).map(Self::Realm),
        }
    }
}

impl IssuerHost {
    /// The issuer of commercial tenants.
    pub(super) const COMMERCIAL: Self = Self(ISSUERS[0]);

    /// Finds an issuer by its URL or its host, case-insensitively.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownRegion`] for anything else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Self::find(text).ok_or_else(|| unknown("issuer", text, &ISSUERS.map(|host| format!("https://{host}"))))
    }

    /// Like [`parse`](Self::parse), without an error.
    pub(super) fn find(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let host = text.strip_prefix("https://").unwrap_or(&text);
        let host = host.strip_suffix('/').unwrap_or(host);
        ISSUERS.into_iter().find(|known| *known == host).map(Self)
    }

    pub(super) fn host(self) -> &'static str {
        self.0
    }
}

impl Area {
    fn parse(text: &str) -> Result<Self> {
        let known = AREAS.into_iter().find(|known| text.eq_ignore_ascii_case(known));
        known.map(Self).ok_or_else(|| unknown("area", text, &AREAS.map(str::to_owned)))
    }

    /// Returns the host of UserHub.
    pub(super) fn host(self) -> String {
        format!("{}.nice-incontact.com", self.0)
    }
}

impl Realm {
    fn parse(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let form = lower.split_once('-').is_some_and(|(country, number)| {
            country.len() == 2
                && country.chars().all(|letter| letter.is_ascii_lowercase())
                && (1..=3).contains(&number.len())
                && number.chars().all(|digit| digit.is_ascii_digit())
        });
        if form {
            return Ok(Self(lower));
        }
        let message = format!("invalid CXone realm {}", shown(text));
        Err(RotationError::new(ErrorKind::UnknownRegion, message)
            .with_hint("a realm is two letters, a dash and a number, such as us-22"))
    }

    /// Returns the host of the legacy API and its logins.
    pub(super) fn host(&self) -> String {
        format!("{}.api.niceincontact.com", self.0)
    }
}

/// Checks the form of a tenant id, which becomes part of a URL.
///
/// # Errors
/// [`ErrorKind::DocumentInvalid`] for an invalid id.
pub(super) fn check_tenant(text: &str) -> Result<()> {
    if is_tenant(text) {
        return Ok(());
    }
    Err(RotationError::new(ErrorKind::DocumentInvalid, "the field tenant_id is not a valid tenant id")
        .with_hint("a tenant id consists of letters, digits and dashes; or remove the field: tokens name their tenant"))
}

/// Returns whether `text` has the form of a tenant id.
pub(super) fn is_tenant(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    !text.is_empty() && text.len() <= LONGEST_TENANT && text.chars().all(plain)
}

/// Returns whether a URL is https to a host of NICE.
pub(super) fn is_nice(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let host = url.host_str().unwrap_or_default();
    let under = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    url.scheme() == "https" && url.port().is_none() && plain && DOMAINS.into_iter().any(under)
}

fn unknown(what: &str, text: &str, known: &[String]) -> RotationError {
    let message = format!("unknown CXone {what} {}", shown(text));
    RotationError::new(ErrorKind::UnknownRegion, message).with_hint(format!("use one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(login: CxoneLogin) -> Option<LoginHost> {
        let parsed = LoginHost::parse(&login);
        assert!(parsed.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::UnknownRegion), "{login:?}");
        parsed.ok()
    }

    #[test]
    fn known_logins_are_found_in_any_case() {
        for host in ISSUERS {
            for text in [host.to_owned(), format!("https://{host}"), format!("HTTPS://{}/", host.to_uppercase())] {
                assert_eq!(parse(CxoneLogin::Issuer(text)), Some(LoginHost::Issuer(IssuerHost(host))));
            }
            assert_eq!(IssuerHost(host).host(), host);
        }
        for area in AREAS {
            assert_eq!(parse(CxoneLogin::Area(area.to_uppercase())), Some(LoginHost::Area(Area(area))));
        }
        assert_eq!(parse(CxoneLogin::Realm("US-22".to_owned())), Some(LoginHost::Realm(Realm("us-22".to_owned()))));
    }

    #[test]
    fn any_other_text_is_an_unknown_login() {
        for text in [
            "",
            "http://cxone.niceincontact.com",
            "https://cxone.niceincontact.com.evil.example",
            "https://evil.example/cxone.niceincontact.com",
            "https://cxone.niceincontact.com@evil.example",
            "https://cxone.niceincontact.com:444",
            "https://cxone.niceincontact.com/path",
            "evil.niceincontact.com",
            "http://169.254.169.254/",
        ] {
            assert_eq!(parse(CxoneLogin::Issuer(text.to_owned())), None, "{text}");
        }
        for text in ["", "na3", "na1.evil.example/", "na1#", "evil.example/na1", "na1.nice-incontact.com"] {
            assert_eq!(parse(CxoneLogin::Area(text.to_owned())), None, "{text}");
        }
        for text in ["", "us", "us-", "usa-22", "us-2222", "us-22.evil.example", "us-2/", "u@-22", "evil.example/us-22"]
        {
            assert_eq!(parse(CxoneLogin::Realm(text.to_owned())), None, "{text}");
        }
    }

    #[test]
    fn only_https_to_a_host_of_nice_is_accepted() {
        let check = |text: &str| is_nice(&Url::parse(text).expect("a URL"));
        for url in [
            "https://cxone.niceincontact.com/auth/token",
            "https://api-na1.niceincontact.com",
            "https://na1.nice-incontact.com/",
            "https://api.nicecxone-sov1.au",
            "https://NICEINCONTACT.com",
        ] {
            assert!(check(url), "{url}");
        }
        for url in [
            "http://cxone.niceincontact.com/auth/token",
            "https://evil.example/auth/token",
            "https://evilniceincontact.com",
            "https://niceincontact.com.evil.example",
            "https://cxone.niceincontact.com@evil.example",
            "https://me:pass@cxone.niceincontact.com",
            "https://me@cxone.niceincontact.com",
            "https://:pass@cxone.niceincontact.com",
            "https://cxone.niceincontact.com:8443",
            "https://cxone.niceincontact.com/?to=evil.example",
            "ftp://cxone.niceincontact.com",
            "https://127.0.0.1",
        ] {
            assert!(!check(url), "{url}");
        }
    }

    #[test]
    fn a_tenant_id_has_a_fixed_form() {
        assert!(is_tenant("11eb2f9f-7ad2-4b20-8b9c-0242ac110003"));
        for text in ["", "a b", "a&b=c", "../x", &"x".repeat(65)] {
            assert!(!is_tenant(text), "{text}");
        }
    }
}
