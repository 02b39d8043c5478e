//! Client credentials, access keys, and where they are valid.

pub(crate) mod keys;
pub(crate) mod place;
pub(crate) mod platform_name;
pub(crate) mod token;
