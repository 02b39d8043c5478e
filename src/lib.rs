//! Keeps contact-centre API tokens fresh where pipelines read them.

#[cfg(feature = "sim")]
pub mod sim;
