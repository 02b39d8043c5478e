//! The target of a command: references to secrets, selections, stores, tokens and the session.

pub(super) mod interruption;
pub(super) mod live_token;
pub(super) mod secret_reference;
pub(super) mod selection;
pub(super) mod session;
pub(super) mod store;
