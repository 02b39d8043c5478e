//! Lists the secrets below a path.

use super::VaultKv;
use super::failure::KvCall;
use super::location::Location;
use crate::rotation::{Result, SecretId};

impl VaultKv {
    /// Returns the ids of all secrets below `MOUNT/` or `MOUNT/FOLDER/`, sorted, with one request for each folder.
    ///
    /// # Errors
    /// As for reading; the policy must allow `list` on `MOUNT/metadata/FOLDER/*`.
    pub async fn list(&self, folder: &str) -> Result<Vec<SecretId>> {
        let connection = self.connection().await?;
        // A folder is found through the path of a secret in it.
        let folder = Location::find(&format!("{folder}any"), connection).await?.folder();
        let mut folders = vec![folder];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            let path = folder.metadata();
            let call = KvCall { action: "list", capability: "list", path: &path };
            for name in connection.list(&folder.mount, &folder.path).await.map_err(|error| call.failed(error))? {
                let entry = folder.below(&name);
                match name.ends_with('/') {
                    true if entry.holds_staged_versions() => {}
                    true => folders.push(entry),
                    false => found.push(SecretId::new(entry.id())),
                }
            }
        }
        found.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(found)
    }
}
