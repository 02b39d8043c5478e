//! `creds/:role`: a new token with a lease.

use std::time::Duration;

use futures_util::FutureExt;

use crate::engine::GenesysMount;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::tokens::lease::LeasedToken;
use crate::rotation::Deadline;
use openbao_plugin::framework::{Call, Route, RouteOperation};
use openbao_plugin::{Failure, Operation, Response};

/// How long a new token may take.
const MINTING: Duration = Duration::from_secs(30);

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "creds/:role",
    summary: "A new token with a lease.",
    help: "Exchanges the client credentials of the role's config for a new token, validates it, and leases it. The lease \
           never outlives the token, and revoking the lease revokes the token.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Make a new leased token",
        handler: |mount, call| read(mount, call).boxed(),
    }],
    exists: None,
    sudo: false,
};

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let role = Role::asked_for(&mount.entries, call.name()).await?;
    let config = Config::of_role(&mount.entries, &role.config).await?;
    mount.refuse_on_standby().await?;
    let limits = mount.limits(&role).await?;
    let token = mount.mint(&config, &role, Deadline::after(MINTING)).await?;
    let now = mount.now();
    let api_url = mount.api_url(&config.place(), &token.access_token).await;
    let answer = Response::with_data(token.answer(api_url, now));
    Ok(answer.leased(LeasedToken::new(call.name(), &config, token).begin(&limits, now)?))
}
