//! The platform's administration of client secrets and access keys.

use super::issuer::not_offered;
use crate::rotation::credentials::keys::{KeyOwner, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::error::Result;
use crate::secret::SecretString;

/// Regenerates client secrets. The default is that of a platform that does not offer it.
pub trait ClientSecrets: Send + Sync {
    /// Regenerates a client's secret with a token that may edit the client. The previous secret stops working.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the client does not exist; and other platform errors.
    fn regenerate(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<SecretString>> + Send {
        async { Err(not_offered("new client secrets")) }
    }
}

/// Creates and deletes a user's access keys. The defaults are those of a platform without access keys.
pub trait AccessKeys: Send + Sync {
    /// Returns the owner of an access key.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the key does not exist; and other platform errors.
    fn key_owner(
        &self,
        _place: &Place,
        _access_key_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<KeyOwner>> + Send {
        async { Err(not_offered("access keys")) }
    }

    /// Creates another access key for a user. The user's other keys keep working. No key remains after a transient error.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the user has the maximum number of keys; and other platform errors.
    fn create_access_key(
        &self,
        _place: &Place,
        _owner: &KeyOwner,
        _token: &SecretString,
    ) -> impl Future<Output = Result<KeyPair>> + Send {
        async { Err(not_offered("access keys")) }
    }

    /// Deletes an access key. A key that does not exist counts as deleted.
    ///
    /// # Errors
    /// `PermissionMissing`, and other platform errors.
    fn delete_access_key(
        &self,
        _place: &Place,
        _access_key_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(not_offered("access keys")) }
    }
}
