//! The secrets engine for Genesys Cloud.

mod entries;
mod locks;
mod static_role;
mod static_store;

pub use static_store::StaticStore;
