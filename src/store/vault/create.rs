//! Creates secrets for adoptions.

use secrecy::ExposeSecret;

use super::VaultKv;
use super::endpoint::KvRead;
use super::failure::KvCall;
use crate::rotation::{Result, SecretCreation, SecretId, VersionId};
use crate::secret::SecretString;

impl SecretCreation for VaultKv {
    async fn create(&self, secret: &SecretId, _version: &VersionId, value: &SecretString) -> Result<()> {
        let (location, connection) = (self.locate(secret).await?, self.connection().await?);
        let path = location.data();
        // A deleted secret may be restored, so it is not replaced.
        if let Ok(KvRead::Gone { version, destroyed }) = connection.read(&path).await {
            return Err(location.gone(version, destroyed));
        }
        let call = KvCall { action: "write", capability: "create", path: &path };
        let written = connection.write(&path, value.expose_secret(), 0).await;
        written.map(drop).map_err(|error| call.failed(error))
    }
}
