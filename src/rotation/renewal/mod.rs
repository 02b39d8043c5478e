//! New client secrets and access keys.

pub(crate) mod access_keys;
pub(crate) mod intent;
pub(crate) mod renew;
