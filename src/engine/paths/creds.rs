//! `creds/:role`: a new token with a lease.

use futures_util::FutureExt;

use crate::engine::mount::GenesysMount;
use openbao_plugin::Operation;
use openbao_plugin::framework::{Route, RouteOperation};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "creds/:role",
    summary: "A new token with a lease.",
    help: "Exchanges the client credentials of the role's config for a new token, validates it, and leases it. The lease \
           never outlives the token, and revoking the lease revokes the token.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Create a leased token",
        handler: |mount, call| async move { mount.leases.issue(call.name()).await }.boxed(),
    }],
    exists: None,
    sudo: false,
};
