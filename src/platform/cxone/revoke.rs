//! Token revocation, which CXone does not offer.

use super::Cxone;
use crate::rotation::Result;
use crate::secret::SecretString;

impl Cxone {
    /// Does nothing: CXone documents no revocation of these tokens, and deleting the access key would end its owner's access.
    /// A discarded token stays valid for the rest of its hour.
    pub(in crate::platform) async fn revoke(&self, _token: &SecretString) -> Result<()> {
        tracing::debug!("CXone does not revoke tokens: this one stays valid until it expires");
        Ok(())
    }
}
