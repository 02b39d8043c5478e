//! The platform's setting for how long a client's tokens live.

use std::future::Future;
use std::time::Duration;

use super::issuer::not_offered;
use crate::rotation::credentials::place::Place;
use crate::rotation::error::Result;
use crate::secret::SecretString;

/// Reads and sets the token duration of OAuth clients. The defaults are those of a platform without this setting.
pub trait TokenDuration: Send + Sync {
    /// Reads a client's token duration; `None` if the platform has no such setting or the token may not read it.
    ///
    /// # Errors
    /// `DocumentInvalid` if the client does not exist, and other platform errors.
    fn token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Ok(None) }
    }

    /// Raises a client's token duration to `duration` and changes nothing else. Returns the previous duration; `None`
    /// if it was long enough and was not changed.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the client does not exist; and other platform errors.
    fn set_token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
        _duration: Duration,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Err(not_offered("a setting for how long tokens live")) }
    }
}
