//! Client credentials, the tokens issued for them, and the place where both are valid.

pub(crate) mod adoption;
pub(crate) mod keys;
pub(crate) mod place;
pub(crate) mod platform_name;
pub(crate) mod token;
