//! What the rotation needs from outside: a store, an issuer, a clock.

pub(crate) mod clock;
pub(crate) mod issuer;
pub(crate) mod store;
