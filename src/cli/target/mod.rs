//! What a command acts on: the secret's reference, the selection, the store, the session.

pub(super) mod live_token;
pub(super) mod secret_reference;
pub(super) mod selection;
pub(super) mod session;
pub(super) mod store;
