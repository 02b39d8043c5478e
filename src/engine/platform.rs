//! The platforms and the clock of an engine, behind pointers: the plugin has the real ones, tests have models.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::platform::Platforms;
use crate::rotation::{
    AccessKeys, ClientSecrets, Clock, Credentials, IdleEnd, IssuedToken, KeepAlive, KeyOwner, KeyPair, Place, Probe,
    Result, RotationPlatform, TokenIssuer, TokenKind,
};
use crate::secret::SecretString;

/// The platforms that an engine calls.
pub trait EnginePlatform: RotationPlatform + KeepAlive + 'static {
    /// Returns the base address of the API for which a token is valid, without a trailing slash.
    ///
    /// # Errors
    /// As for [`Platforms::api_url`].
    fn api_url(&self, place: &Place, token: &SecretString) -> impl Future<Output = Result<String>> + Send;
}

impl EnginePlatform for Platforms {
    async fn api_url(&self, place: &Place, token: &SecretString) -> Result<String> {
        self.api_url(place, token).await
    }
}

/// Declares the calls of traits once more, with boxed futures, and passes them through a pointer.
macro_rules! boxed {
    ($($port:ident { $(fn $call:ident($($name:ident: $of:ty),*) -> $answer:ty;)* })*) => {
        trait Boxed: Send + Sync {
            $($(fn $call<'a>(&'a self, $($name: &'a $of),*) -> BoxFuture<'a, Result<$answer>>;)*)*
        }

        impl<P: EnginePlatform> Boxed for P {
            $($(fn $call<'a>(&'a self, $($name: &'a $of),*) -> BoxFuture<'a, Result<$answer>> {
                Box::pin($port::$call(self, $($name),*))
            })*)*
        }

        $(impl $port for BoxedPlatform {
            $(async fn $call(&self, $($name: &$of),*) -> Result<$answer> {
                self.0.$call($($name),*).await
            })*
        })*
    };
}

/// The platforms of an engine. Clones are the same.
#[derive(Clone)]
pub(crate) struct BoxedPlatform(Arc<dyn Boxed>);

impl BoxedPlatform {
    pub(crate) fn new(platform: impl EnginePlatform) -> Self {
        Self(Arc::new(platform))
    }
}

boxed! {
    TokenIssuer {
        fn issue(credentials: Credentials) -> IssuedToken;
        fn verify(credentials: Credentials, token: SecretString, probes: [Probe]) -> ();
        fn revoke(place: Place, token: SecretString) -> ();
        fn issue_long_lived(place: Place, access_token: SecretString, kind: TokenKind) -> IssuedToken;
    }
    ClientSecrets {
        fn regenerate(place: Place, client_id: str, token: SecretString) -> SecretString;
    }
    AccessKeys {
        fn key_owner(place: Place, access_key_id: str, token: SecretString) -> KeyOwner;
        fn create_access_key(place: Place, owner: KeyOwner, token: SecretString) -> KeyPair;
        fn delete_access_key(place: Place, access_key_id: str, token: SecretString) -> ();
    }
    KeepAlive {
        fn keep_alive(place: Place, token: SecretString) -> Option<IdleEnd>;
    }
    EnginePlatform {
        fn api_url(place: Place, token: SecretString) -> String;
    }
}

/// The clock of an engine. Clones are the same.
#[derive(Clone)]
pub(crate) struct BoxedClock(Arc<dyn Clock>);

impl BoxedClock {
    pub(crate) fn new(clock: impl Clock + 'static) -> Self {
        Self(Arc::new(clock))
    }
}

impl Clock for BoxedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
