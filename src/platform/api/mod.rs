//! The platform's API, called by hand: any method, any path, an answer of any size.

mod call;
mod path;

use url::Url;

use crate::platform::http::Http;
use crate::rotation::{ErrorKind, PlatformName, Result, RotationError};

pub use call::{ApiAnswer, ApiCall, Refusal, SuccessBody, may_have_been_carried_out};
pub use path::ApiPath;

/// The API that a token is good for. No call of it can lead to another host.
#[derive(Clone, Debug)]
pub struct Api {
    http: Http,
    platform: PlatformName,
    /// The address of all calls, without a slash at its end.
    base: String,
    /// The origins that stand for it in links and in what people paste: the address itself, and the platform's own
    /// one where the operator set another.
    known: Vec<Url>,
}

impl Api {
    /// # Errors
    /// `ConfigurationInvalid` where an address is no URL.
    pub(super) fn at(http: &Http, platform: PlatformName, base: &str, own: Option<&str>) -> Result<Self> {
        let known = [Some(base), own].into_iter().flatten().map(parse_base).collect::<Result<_>>()?;
        Ok(Self { http: http.clone(), platform, base: base.trim_end_matches('/').to_owned(), known })
    }

    /// The address of all calls, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.base
    }
}

/// # Errors
/// `ConfigurationInvalid` if the address is not a URL.
fn parse_base(base: &str) -> Result<Url> {
    let message = "the platform's API address is not a URL";
    Url::parse(base).map_err(|error| RotationError::new(ErrorKind::ConfigurationInvalid, message).with_source(error))
}
