//! The paths of the engine, one file each.

mod answers;
mod config;
mod creds;
mod response;
mod revoke;
mod roles;
mod rotate_role;
mod rotate_root;
mod rotate_token;
pub(super) mod router;
mod static_creds;
mod static_roles;
mod status;
mod tidy;
mod token;
