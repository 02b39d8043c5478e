//! The platform's API for the command `api`: any method, any path, responses of any size.

mod call;
mod forward;
mod path;

use url::Url;

use crate::platform::http::HttpClient;
use crate::rotation::{ErrorKind, PlatformName, Result, RotationError};

pub use call::{ApiCall, ApiResponse, ErrorResponse, SuccessBody, with_unknown_outcome};
pub use forward::Forwarder;
pub use path::ApiPath;

/// The API for which a token is valid. No call can reach another host.
#[derive(Clone, Debug)]
pub struct Api {
    http: HttpClient,
    platform: PlatformName,
    /// The base address, without a trailing slash.
    base: String,
    /// The origins accepted in links and in URLs from the user: the base address, and the platform's own address if
    /// the operator overrides it.
    known: Vec<Url>,
}

impl Api {
    /// # Errors
    /// `ConfigurationInvalid` if an address is not a URL.
    pub(super) fn at(http: &HttpClient, platform: PlatformName, base: &str, own: Option<&str>) -> Result<Self> {
        let known = [Some(base), own].into_iter().flatten().map(parse_base).collect::<Result<_>>()?;
        Ok(Self { http: http.clone(), platform, base: base.trim_end_matches('/').to_owned(), known })
    }
}

/// # Errors
/// `ConfigurationInvalid` if an address is not a URL.
fn parse_base(base: &str) -> Result<Url> {
    let message = "the platform's API address is not a URL";
    Url::parse(base).map_err(|error| RotationError::new(ErrorKind::ConfigurationInvalid, message).with_source(error))
}
