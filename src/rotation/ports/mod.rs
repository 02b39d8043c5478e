//! What the rotation needs from outside. Each port has at most five methods.

pub(crate) mod admin;
pub(crate) mod clock;
pub(crate) mod issuer;
pub(crate) mod lease;
pub(crate) mod store;
pub(crate) mod write_ahead;

/// The store of a rotation.
pub trait RotationStore: store::SecretStore + write_ahead::WriteAhead + lease::Lease {}

impl<S: store::SecretStore + write_ahead::WriteAhead + lease::Lease> RotationStore for S {}

/// The platform of a rotation.
pub trait RotationPlatform: issuer::TokenIssuer + admin::ClientSecrets + admin::AccessKeys {}

impl<P: issuer::TokenIssuer + admin::ClientSecrets + admin::AccessKeys> RotationPlatform for P {}
