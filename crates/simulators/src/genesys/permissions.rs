//! The permissions that a request needs.

/// The permissions that a client's roles must grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permissions {
    None,
    All(&'static [&'static str]),
    Any(&'static [&'static str]),
}
