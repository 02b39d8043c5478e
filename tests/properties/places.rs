//! Regions, the operator's addresses, links and probes: no text leads to another host.

use genesys_rotator::platform::{API_URL, ApiPath, Endpoints, LOGIN_URL, Platforms, Region};
use genesys_rotator::rotation::{CxoneLogin, CxonePlace, ErrorKind, Place, Probe};
use genesys_rotator::secret::SecretString;
use proptest::collection::vec;
use proptest::prelude::*;
use url::{Host, Url};

use crate::{HUSH, said};

const OWN: &str = "https://api.mypurecloud.ie";
const PROXY: &str = "https://proxy.example/genesys";

/// Texts made of the parts that URL parsers disagree on.
fn link() -> impl Strategy<Value = String> {
    let parts = [
        "https://",
        "http://",
        "//",
        "/",
        "\\",
        "/\\",
        "@",
        ":",
        ":443",
        ":8443",
        "..",
        "/../",
        "/./",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "?",
        "#",
        "&",
        "=",
        ";",
        " ",
        "\t",
        "\n",
        "\0",
        "api",
        "/api/v2/users",
        "/api/",
        "v2",
        "evil.example",
        "api.mypurecloud.ie",
        "API.MYPURECLOUD.IE",
        "api.mypurecloud.ie.",
        "proxy.example",
        "/genesys",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "é",
        "。",
        "ᵢ",
        "pageNumber=2",
        "javascript:",
        "data:",
        "file:///",
    ];
    let part = prop_oneof![8 => prop::sample::select(parts.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn platforms(login: Option<&str>, api: Option<&str>) -> Option<Platforms> {
    let lookup = |name: &str| match name {
        LOGIN_URL => login.map(str::to_owned),
        API_URL => api.map(str::to_owned),
        _ => None,
    };
    Endpoints::from_lookup(lookup).ok().map(Platforms::new)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn ireland() -> Place {
    Place::GenesysCloud { region: "eu-west-1".to_owned() }
}

/// Checks that a request for `path` stays below `base`.
fn stays(base: &str, path: &str, prefix: &str) -> Result<(), TestCaseError> {
    let own = Url::parse(base).expect("a URL");
    let requested = Url::parse(&format!("{base}{path}")).expect("a request can be made");
    prop_assert_eq!(requested.origin(), own.origin(), "{} leads to {}", path, requested);
    prop_assert!(requested.username().is_empty() && requested.password().is_none() && requested.fragment().is_none());
    let below = format!("{}{prefix}", own.path().trim_end_matches('/'));
    prop_assert!(requested.path().starts_with(&below), "{} leads to {}", path, requested);
    Ok(())
}

proptest! {
    #[test]
    fn only_the_names_of_regions_are_regions(text in prop_oneof![any::<String>(), link(), "[a-z]{2}-[a-z]{4}-[0-9]"]) {
        let known = |region: Region| text.eq_ignore_ascii_case(region.aws_name()) || text.eq_ignore_ascii_case(region.domain());
        match Region::parse(&text) {
            Ok(region) => prop_assert!(known(region)),
            Err(error) => {
                prop_assert!(!Region::all().any(known));
                prop_assert_eq!(error.kind(), ErrorKind::UnknownRegion);
            }
        }
    }

    #[test]
    fn a_misplaced_secret_is_not_shown(text in any::<String>()) {
        let place = |login| Place::Cxone(CxonePlace { login, tenant_id: Some(format!("{text}{HUSH}")) });
        let text = format!("{text}{HUSH}");
        let places = [
            Place::GenesysCloud { region: text.clone() },
            place(CxoneLogin::Issuer(text.clone())),
            place(CxoneLogin::Area(text.clone())),
            place(CxoneLogin::Realm(text.clone())),
            place(CxoneLogin::Realm("us-22".to_owned())),
        ];
        let platforms = platforms(None, None).expect("no settings");
        for place in places {
            // It fails before any request.
            let error = run(platforms.api_url(&place, &SecretString::from("token")));
            let errors = [Platforms::check_place(&place).err(), error.err()];
            for error in errors.into_iter().flatten() {
                prop_assert!(!said(&error).contains(HUSH), "{}", said(&error));
            }
        }
    }

    #[test]
    fn an_address_of_the_operator_is_https_or_loopback(text in link()) {
        let Some(platforms) = platforms(None, Some(&text)) else { return Ok(()) };
        let base = run(platforms.api_url(&ireland(), &SecretString::from("token"))).expect("a known region");
        if text.is_empty() {
            prop_assert_eq!(base, OWN);
            return Ok(());
        }
        let (given, used) = (Url::parse(&text).expect("accepted"), Url::parse(&base).expect("an address"));
        prop_assert_eq!(given.origin(), used.origin());
        let is_loopback = match used.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        prop_assert!(used.scheme() == "https" || (used.scheme() == "http" && is_loopback), "{}", used);
        prop_assert!(used.username().is_empty() && used.password().is_none() && used.query().is_none());
    }

    #[test]
    fn no_link_and_no_typed_path_leads_to_another_host(link in link(), on_proxy in any::<bool>()) {
        let base = if on_proxy { PROXY } else { OWN };
        let platforms = platforms(None, on_proxy.then_some(PROXY)).expect("a valid address");
        let api = run(platforms.api(&ireland(), &SecretString::from("token"))).expect("a known region");
        let from = api.path("/api/v2/users?pageNumber=1").expect("a path");
        let paths: Vec<ApiPath> = [api.path(&link), api.follow(&from, &link)].into_iter().flatten().collect();
        for path in paths {
            stays(base, path.as_str(), "/api/")?;
            stays(base, path.with_parameter("cursor", &link).as_str(), "/api/")?;
            // A printed path can be typed again.
            prop_assert_eq!(api.path(path.as_str()).ok(), Some(path));
        }
    }

    #[test]
    fn no_probe_leads_to_another_host(path in link()) {
        let text = format!("GET {path}");
        match Probe::parse(&text) {
            Ok(probe) => {
                prop_assert_eq!(probe.to_string(), text);
                stays(OWN, probe.path(), "/")?;
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::DocumentInvalid),
        }
    }
}
