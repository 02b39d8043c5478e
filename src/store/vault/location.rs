//! A secret's mount, and its path in the mount.

use super::connection::Connection;
use super::failure::{KvCall, VaultError};
use crate::rotation::{ErrorKind, Result, RotationError};

/// The path prefix of staged versions in the same mount. A reader's policy on `secret/data/team/*` does not match it.
const PENDING: &str = "genesys-rotator/pending";

/// A secret's mount and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) mount: String,
    pub(super) path: String,
}

impl Location {
    /// Requests the mount of `id`, as `vault kv` and `bao kv` do. Without permission for that request, the mount is the
    /// part before the first slash.
    ///
    /// # Errors
    /// `SecretNotFound` for an invalid path; `ConfigurationInvalid` for a mount that is not KV version 2.
    pub(super) async fn find(id: &str, connection: &Connection) -> Result<Self> {
        let guessed = Self::parse(id)?;
        let path = format!("sys/internal/ui/mounts/{id}");
        let mount = match connection.mount(&path).await {
            Ok(mount) => mount,
            Err(VaultError::Answer { status: 403 | 404, .. }) => return Ok(guessed),
            Err(error) => return Err(KvCall { action: "read", capability: "read", path: &path }.failed(error)),
        };
        let name = mount.path.trim_end_matches('/');
        let Some(path) = id.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) else { return Ok(guessed) };
        let version = mount.options.as_ref().and_then(|options| options.get("version")).map_or("1", String::as_str);
        match (mount.r#type.as_str(), version) {
            ("kv", "2") => Ok(Self { mount: name.to_owned(), path: path.to_owned() }),
            ("kv", _) => {
                let message = format!("{name}/ is KV version 1, which has no check-and-set");
                let hint = format!(
                    "upgrade it with `vault kv enable-versioning {name}/` or `bao kv enable-versioning {name}/`, or use another mount"
                );
                Err(RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(hint))
            }
            (other, _) => {
                let message = format!("{name}/ is a mount of type {other}, not KV version 2");
                let hint =
                    "use vault:MOUNT/PATH with a KV mount; `vault secrets list` or `bao secrets list` lists the mounts";
                Err(RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(hint))
            }
        }
    }

    pub(super) fn parse(id: &str) -> Result<Self> {
        let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
        match id.split_once('/') {
            Some((mount, path)) if !id.split('/').any(bad) && !path.starts_with(PENDING) => {
                Ok(Self { mount: mount.to_owned(), path: path.to_owned() })
            }
            _ => {
                let message = format!("{id:?} is not in the form MOUNT/PATH");
                Err(RotationError::new(ErrorKind::SecretNotFound, message).with_hint("example: secret/team/genesys"))
            }
        }
    }

    /// The id of the secret.
    #[cfg(feature = "operator")]
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.mount, self.path)
    }

    /// The folder of the secret; its path is empty or ends with a slash.
    #[cfg(feature = "operator")]
    pub(super) fn folder(&self) -> Self {
        let path = self.path.rfind('/').map_or("", |slash| &self.path[..=slash]);
        Self { mount: self.mount.clone(), path: path.to_owned() }
    }

    /// A name in this folder.
    #[cfg(feature = "operator")]
    pub(super) fn below(&self, name: &str) -> Self {
        Self { mount: self.mount.clone(), path: format!("{}{name}", self.path) }
    }

    /// Whether the folder is that of the staged versions.
    #[cfg(feature = "operator")]
    pub(super) fn holds_staged_versions(&self) -> bool {
        self.path.strip_suffix('/') == Some(PENDING)
    }

    /// The API path of the document.
    pub(super) fn data(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }

    /// The API path of the document's metadata.
    pub(super) fn metadata(&self) -> String {
        format!("{}/metadata/{}", self.mount, self.path)
    }

    /// The API path of the staged version.
    pub(super) fn pending(&self) -> String {
        format!("{}/data/{PENDING}/{}", self.mount, self.path)
    }

    /// The API path of the staged version's metadata.
    pub(super) fn pending_metadata(&self) -> String {
        format!("{}/metadata/{PENDING}/{}", self.mount, self.path)
    }

    /// The error for a secret that was never written.
    pub(super) fn missing(&self, why: &str) -> RotationError {
        let Self { mount, path } = self;
        let said = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let hint = match path.strip_prefix("data/") {
            Some(rest) => format!("omit the data/ of the API path: vault:{mount}/{rest}"),
            None => format!(
                "store the document first (`bao kv put -mount={mount} {path} @genesys.json`, or the same with `vault`), and check VAULT_ADDR and VAULT_NAMESPACE"
            ),
        };
        RotationError::new(ErrorKind::SecretNotFound, format!("secret {path} does not exist in {mount}/{said}"))
            .with_hint(hint)
    }

    /// The error for a secret whose latest version was deleted or destroyed.
    pub(super) fn gone(&self, version: u64, destroyed: bool) -> RotationError {
        let Self { mount, path } = self;
        let (what, hint) = match destroyed {
            true => (
                "destroyed",
                format!(
                    "store the document again: `bao kv put -mount={mount} {path} @genesys.json`, or the same with `vault`"
                ),
            ),
            false => (
                "deleted",
                format!(
                    "restore it: `bao kv undelete -mount={mount} -versions={version} {path}`, or the same with `vault`; `kv metadata delete` removes it completely"
                ),
            ),
        };
        let message = format!("the latest version ({version}) of {path} in {mount}/ was {what}");
        RotationError::new(ErrorKind::SecretNotFound, message).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_mount_is_the_part_before_the_first_slash() {
        let location = Location::parse("secret/team/genesys").expect("a path");
        assert_eq!(location.data(), "secret/data/team/genesys");
        assert_eq!(location.pending(), "secret/data/genesys-rotator/pending/team/genesys");
        for id in
            ["", "secret", "secret/", "/x", "secret//x", "secret/../x", "a/b\n", "secret/genesys-rotator/pending/x"]
        {
            assert_eq!(Location::parse(id).map_err(|error| error.kind()), Err(ErrorKind::SecretNotFound), "{id:?}");
        }
    }
}
