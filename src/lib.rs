//! Keeps contact-centre API tokens fresh where pipelines read them.

pub mod platform;
pub mod rotation;
pub mod secret;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;
