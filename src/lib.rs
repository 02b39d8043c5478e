//! Keeps contact-centre API tokens fresh where pipelines read them.

pub mod rotation;
pub mod secret;
#[cfg(feature = "sim")]
pub mod sim;
