//! A simulator of NICE CXone: discovery, the three token requests, the call that validates tokens, and the management of
//! access keys, on one listener.
//!
//! Operations are named by method and path, with `{id}` for an id in the path: `POST /auth/token`,
//! `GET /incontactapi/services/v27.0/business-unit`, `DELETE /access-key-management/v1/access-keys/{id}`.

mod access_keys;
mod control;
mod discovery;
mod error;
mod jwt;
mod login;
mod organization;
mod routes;
mod settings;
mod state;
mod tenant;

pub use self::control::control;
pub use self::organization::Cxone;
pub use self::settings::CxoneSettings;
pub use self::state::{AccessKey, Application};
pub use crate::expires_in::ExpiresIn;
