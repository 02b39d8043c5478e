//! Where a secret lies: the mount, and the path in it.

use super::connection::Connection;
use super::failure::{KvCall, Refusal};
use crate::rotation::{ErrorKind, Result, RotationError};

/// What is staged waits below this, in the same mount: no reader's `secret/data/team/*` reaches it.
const PENDING: &str = "genesys-rotator/pending";

/// A secret's mount, and its path there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    mount: String,
    path: String,
}

impl Location {
    /// Asks which part of `id` is the mount, as `vault kv` and `bao kv` do; where that may not be asked,
    /// it is what stands before the first slash.
    ///
    /// # Errors
    /// `SecretNotFound` for what can be no path; `ConfigurationInvalid` for a mount that is not KV version 2.
    pub(super) async fn find(id: &str, connection: &Connection) -> Result<Self> {
        let guessed = Self::parse(id)?;
        let path = format!("sys/internal/ui/mounts/{id}");
        let mount = match connection.mount(&path).await {
            Ok(mount) => mount,
            Err(Refusal::Answer { status: 403 | 404, .. }) => return Ok(guessed),
            Err(refusal) => return Err(KvCall { action: "read", capability: "read", path: &path }.failed(refusal)),
        };
        let name = mount.path.trim_end_matches('/');
        let Some(path) = id.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) else { return Ok(guessed) };
        let version = mount.options.as_ref().and_then(|options| options.get("version")).map_or("1", String::as_str);
        match (mount.r#type.as_str(), version) {
            ("kv", "2") => Ok(Self { mount: name.to_owned(), path: path.to_owned() }),
            ("kv", _) => {
                let message = format!("{name}/ is version 1 of KV, which has no check-and-set");
                let hint = format!(
                    "make it version 2 with `vault kv enable-versioning {name}/` or `bao kv enable-versioning {name}/`, or name another mount"
                );
                Err(RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(hint))
            }
            (other, _) => {
                let message = format!("{name}/ is a mount of {other}, and not of KV version 2");
                let hint = "write vault:MOUNT/PATH with the mount of a KV engine; `vault secrets list` and `bao secrets list` show them";
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
                let message = format!("{id:?} is not MOUNT/PATH");
                Err(RotationError::new(ErrorKind::SecretNotFound, message).with_hint("write it as secret/team/genesys"))
            }
        }
    }

    /// What readers read, in the API.
    pub(super) fn data(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }

    /// What is known beside it, in the API.
    pub(super) fn metadata(&self) -> String {
        format!("{}/metadata/{}", self.mount, self.path)
    }

    /// What is staged, in the API.
    pub(super) fn pending(&self) -> String {
        format!("{}/data/{PENDING}/{}", self.mount, self.path)
    }

    /// What is known beside what is staged, in the API.
    pub(super) fn pending_metadata(&self) -> String {
        format!("{}/metadata/{PENDING}/{}", self.mount, self.path)
    }

    /// The error where there never was a secret.
    pub(super) fn missing(&self, why: &str) -> RotationError {
        let Self { mount, path } = self;
        let said = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let hint = match path.strip_prefix("data/") {
            Some(rest) => format!("leave the API's data/ out: vault:{mount}/{rest}"),
            None => format!(
                "store the document first: `bao kv put -mount={mount} {path} @genesys.json`, or the same with `vault`; check VAULT_ADDR and VAULT_NAMESPACE as well"
            ),
        };
        RotationError::new(ErrorKind::SecretNotFound, format!("there is no secret {path} in {mount}/{said}"))
            .with_hint(hint)
    }

    /// The error where the latest version has no value any more.
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
                    "bring it back: `bao kv undelete -mount={mount} -versions={version} {path}`, or the same with `vault`"
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
    fn the_mount_is_what_stands_before_the_first_slash() {
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
