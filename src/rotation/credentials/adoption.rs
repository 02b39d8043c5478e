//! A client whose secret a rotation may regenerate with the administrator's credentials.

use super::keys::Credentials;

/// A client whose document has no secret yet, and the administrator that may regenerate it.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The client.
    pub(crate) client_id: String,
    /// The administrator, in the client's region.
    pub(crate) admin: Credentials,
}
