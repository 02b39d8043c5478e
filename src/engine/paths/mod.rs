//! The paths, a file each.

mod config;
mod creds;
mod roles;
mod rotate_role;
mod rotate_root;
mod static_creds;
mod static_roles;
mod token;

use serde_json::{Map, Value};

use crate::engine::GenesysMount;
use openbao_plugin::framework::Router;
use openbao_plugin::{Failure, Response};

/// Every path of the engine.
pub(crate) static ROUTER: Router<GenesysMount> = Router {
    about: "Tokens of Genesys Cloud. Give the engine an OAuth client (config/), say who may have tokens of it for how \
            long (roles/), and read them: leased (creds/), shared (token/), or rotated by the engine itself (static-creds/).",
    routes: &[
        config::LIST,
        config::ROUTE,
        roles::LIST,
        roles::ROUTE,
        creds::ROUTE,
        token::ROUTE,
        static_roles::LIST,
        static_roles::ROUTE,
        static_creds::ROUTE,
        rotate_role::ROUTE,
        rotate_root::ROUTE,
    ],
};

/// The answer to a list.
async fn keys(mount: &GenesysMount, prefix: &str) -> Result<Response, Failure> {
    Ok(Response::with_keys(mount.entries.list(prefix).await?))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
