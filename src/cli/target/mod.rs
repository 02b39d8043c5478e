//! The target of a command: references to secrets, selections, stores, tokens and the session.

mod accounts;
pub(super) mod choice;
pub(super) mod in_order;
pub(super) mod interruption;
mod inventory;
pub(super) mod live_token;
pub(super) mod secret_reference;
pub(super) mod selection;
pub(super) mod session;
pub(super) mod source;
pub(super) mod store;
