//! The regions of Genesys Cloud: the only hosts that receive credentials.

use crate::rotation::{ErrorKind, Result, RotationError, shown};

/// AWS region names and domains (the `PureCloudRegionHosts` of the official SDKs).
const REGIONS: [(&str, &str); 18] = [
    ("us-east-1", "mypurecloud.com"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("us-west-2", "usw2.pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("eu-west-1", "mypurecloud.ie"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("eu-central-1", "mypurecloud.de"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("ap-southeast-2", "mypurecloud.com.au"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
];

/// A region of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    aws_name: &'static str,
    domain: &'static str,
}

impl Region {
    /// Finds a region by its AWS name or its domain, case-insensitively.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownRegion`] for anything else, a URL included.
    pub fn parse(text: &str) -> Result<Self> {
        let known = |name: &&(&str, &str)| text.eq_ignore_ascii_case(name.0) || text.eq_ignore_ascii_case(name.1);
        match REGIONS.iter().find(known) {
            Some((aws_name, domain)) => Ok(Self { aws_name, domain }),
            None => Err(unknown(text)),
        }
    }

    /// Returns all regions.
    pub fn all() -> impl Iterator<Item = Self> {
        REGIONS.iter().map(|(aws_name, domain)| Self { aws_name, domain })
    }

    /// Returns the AWS name, such as `eu-west-1`.
    pub fn aws_name(self) -> &'static str {
        self.aws_name
    }

    /// Returns the domain, such as `mypurecloud.ie`.
    pub fn domain(self) -> &'static str {
        self.domain
    }

    /// Returns the host that issues tokens.
    pub(super) fn login_host(self) -> String {
        format!("login.{}", self.domain)
    }

    /// Returns the platform's own API address.
    #[cfg(feature = "cli")]
    pub(in crate::platform) fn api_url(self) -> String {
        format!("https://{}", self.api_host())
    }

    /// Returns the host of the API.
    pub(super) fn api_host(self) -> String {
        format!("api.{}", self.domain)
    }
}

fn unknown(text: &str) -> RotationError {
    let message = format!("unknown Genesys Cloud region {}", shown(text));
    let error = RotationError::new(ErrorKind::UnknownRegion, message);
    match (inside(text), nearest(text)) {
        (Some(domain), _) => error.with_hint(format!("set the region to the domain {domain}")),
        (None, nearest) if !nearest.is_empty() => {
            error.with_hint(format!("did you mean {}? The region is an AWS region or a domain", nearest.join(" or ")))
        }
        _ => error,
    }
}

/// The names that resemble a text most.
#[cfg(feature = "operator")]
fn nearest(text: &str) -> Vec<&'static str> {
    /// How many letters may differ.
    const MOST: usize = 3;
    let text: String = text.chars().take(40).collect::<String>().to_ascii_lowercase();
    let names = REGIONS.iter().flat_map(|(aws_name, domain)| [*aws_name, *domain]);
    let mut near: Vec<_> = names.map(|name| (strsim::damerau_levenshtein(&text, name), name)).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let least = near.first().map_or(0, |(distance, _)| *distance).min(MOST);
    near.into_iter().take_while(|(distance, _)| *distance <= least).map(|(_, name)| name).take(4).collect()
}

#[cfg(not(feature = "operator"))]
fn nearest(_: &str) -> Vec<&'static str> {
    Vec::new()
}

/// Returns the domain in a host or URL.
fn inside(text: &str) -> Option<&'static str> {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', ':']).next()?.to_ascii_lowercase();
    let domain = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    REGIONS.iter().map(|(_, name)| *name).find(|name| domain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_by_either_name_in_any_case() {
        for region in Region::all() {
            for name in [region.aws_name(), region.domain()] {
                assert_eq!(Region::parse(name).ok(), Some(region));
                assert_eq!(Region::parse(&name.to_uppercase()).ok(), Some(region));
            }
        }
        assert_eq!(Region::all().count(), 18);
        let region = Region::parse("eu-west-1").expect("a region");
        let hosts = (region.login_host(), region.api_host());
        assert_eq!(hosts, ("login.mypurecloud.ie".to_owned(), "api.mypurecloud.ie".to_owned()));
    }

    #[test]
    #[cfg(feature = "operator")]
    fn the_nearest_regions_are_named() {
        for (text, near) in [
            ("eu-wset-1", &["eu-west-1"][..]),
            ("mypurecloud.i", &["mypurecloud.ie"]),
            ("us-east-3", &["us-east-1", "us-east-2"]),
            ("evil.example", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(text), near, "{text}");
        }
        let hint = Region::parse("EU-WSET-1").expect_err("unknown").hint().to_owned();
        assert!(hint.starts_with("did you mean eu-west-1? "), "{hint}");
    }

    #[test]
    fn any_other_text_is_an_unknown_region() {
        for text in [
            "",
            "eu-west-9",
            "https://login.mypurecloud.ie",
            "evil.example",
            "mypurecloud.ie.evil.example",
            "mypurecloud.ie/",
            "api.mypurecloud.ie",
        ] {
            let error = Region::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::UnknownRegion, "{text}");
        }
    }

    #[test]
    fn the_hint_for_a_url_names_its_region() {
        let error = Region::parse("https://apps.mypurecloud.ie/directory").expect_err("a URL is not a region");
        assert_eq!(error.hint(), "set the region to the domain mypurecloud.ie");
        let error = Region::parse("https://notmypurecloud.ie").expect_err("another domain");
        assert!(!error.hint().contains("the domain mypurecloud.ie"), "{}", error.hint());
    }
}
