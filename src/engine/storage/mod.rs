//! The entries of the mount's storage, and the locks on them.

pub(super) mod allowed_roles;
pub(super) mod config;
pub(super) mod entries;
pub(super) mod locks;
pub(super) mod role;
pub(super) mod stored_secret;
pub(super) mod token_kind;
