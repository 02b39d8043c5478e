//! Ending a token's life.

use super::Cxone;
use crate::rotation::Result;
use crate::secret::SecretString;

impl Cxone {
    /// Does nothing: CXone documents no way to end one of these tokens, and ending the access key instead would end its
    /// owner's access. A token that nobody is to have any more lives on for the rest of its hour.
    pub(in crate::platform) async fn revoke(&self, _token: &SecretString) -> Result<()> {
        tracing::debug!("CXone revokes no tokens: this one lives until it expires");
        Ok(())
    }
}
