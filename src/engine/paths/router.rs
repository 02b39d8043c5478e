//! The table of all paths.

use super::{
    config, creds, revoke, roles, rotate_role, rotate_root, rotate_token, static_creds, static_roles, status, tidy,
    token,
};
use crate::engine::mount::GenesysMount;
use openbao_plugin::framework::Router;

/// All paths of the engine.
pub(crate) static ROUTER: Router<GenesysMount> = Router::new(
    "Tokens of Genesys Cloud and NICE CXone. Store an OAuth client (config/), define roles for its tokens (roles/), \
     and read tokens: leased (creds/), shared (token/), or rotated by the engine (static-creds/).",
    &[
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
        rotate_token::ROUTE,
        revoke::ROUTE,
        tidy::ROUTE,
        status::MOUNT,
        status::CONFIG,
    ],
);
