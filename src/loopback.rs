//! Loopback addresses, the only ones that plain http is allowed to.

use url::{Host, Url};

/// Returns whether the host of `url` is a loopback address or `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761, section 6.3: this name always resolves to loopback.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
