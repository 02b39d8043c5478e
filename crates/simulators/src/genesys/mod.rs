//! A simulator of Genesys Cloud: the login service's token endpoint, and the part of the Platform API around tokens and
//! OAuth clients, on one listener.
//!
//! Operations are named by method and path, with `{id}` for an id in the path: `POST /oauth/token`,
//! `GET /api/v2/users/me`, `POST /api/v2/oauth/clients/{id}/secret`.

mod access;
mod client;
mod control;
mod error;
mod identity;
mod lists;
mod login;
mod oauth_clients;
mod organization;
mod permissions;
mod routes;
mod search;
mod settings;
mod state;
mod unpublished;

pub use self::client::{CLIENT_CREDENTIALS, ClientState, OAuthClient, RoleDivision};
pub use self::control::control;
pub use self::organization::Genesys;
pub use self::settings::GenesysSettings;
pub use self::state::LiveToken;
pub use crate::expires_in::ExpiresIn;
