//! `creds/:role`: a new token with a lease.

use futures_util::FutureExt;

use super::answers::TOKEN;
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use openbao_plugin::framework::Route;

pub(crate) const ROUTE: Route<GenesysMount> = Route::<GenesysMount>::new("creds/:role", "A new token with a lease.")
    .help(
        "Exchanges the client credentials of the role's config for a new token, validates it, and leases it. The lease \
         never outlives the token, and revoking the lease revokes the token.",
    )
    .read("Create a leased token", |mount, call| {
        async move { mount.leases.issue(call.name(), &Requester::of(call.request())).await }.boxed()
    })
    .returns(TOKEN)
    .item_type("Credential")
    .action("Generate");
