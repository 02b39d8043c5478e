//! AWS Secrets Manager, through the AWS SDK.

mod client;
#[cfg(feature = "operator")]
mod create;
mod failure;
pub mod list;
#[cfg(feature = "operator")]
mod observe;
mod rotate;
pub mod sdk_config;
mod versions;
mod write_limit;

pub use client::AwsSecretsManager;
