//! `rotate-root/:config`: a new secret for the OAuth client itself.

use futures_util::FutureExt;

use crate::vault_plugin::engine::GenesysMount;
use crate::vault_plugin::engine::config::Config;
use crate::vault_plugin::framework::{Answer, Call, Route, refuse};
use crate::vault_plugin::transport::{Failure, Operation, Response};

pub(super) const ROUTE: Route<GenesysMount> = Route {
    path: "rotate-root/:config",
    summary: "A new secret for a config's own OAuth client.",
    help: "Has the platform regenerate the client secret of a config's OAuth client, and stores the new one. Nobody but \
           this engine knows it then. Policies have to grant sudo.",
    fields: &[],
    operations: &[
        Answer {
            operation: Operation::Create,
            summary: "Regenerate the client's secret",
            handler: |mount, call| write(mount, call).boxed(),
        },
        Answer {
            operation: Operation::Update,
            summary: "Regenerate the client's secret",
            handler: |mount, call| write(mount, call).boxed(),
        },
    ],
    exists: None,
    sudo: true,
};

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    Config::of_role(&mount.entries, call.name()).await?;
    Err(refuse(
        "rotating the client's own secret is not supported yet",
        "regenerate it in Admin > Integrations > OAuth, and write it to config/ at once",
    ))
}
