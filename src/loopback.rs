//! The one rule for where plain http is good enough.

use url::{Host, Url};

/// Whether a URL leads to this machine, so that what is sent there never crosses a network.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761, section 6.3: this name never leaves the machine.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
