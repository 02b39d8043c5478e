//! `token/:role`: the shared token of a role, without a lease.

use futures_util::FutureExt;

use super::answers::TOKEN;
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::tokens::shared_token::SharedToken;
use crate::engine::tokens::token_request::{MinimumLife, TokenRequest};
use openbao_plugin::framework::{Call, Field, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const ROUTE: Route<GenesysMount> =
    Route::new("token/:role", "A token that all callers of the role share, without a lease.")
        .help(
            "Returns the same validated token while it has enough life left, and creates a new one after that. \
             Concurrent callers share one new token. The token has no lease: it is valid until it expires.",
        )
        .fields(&[Field::duration(
            "minimum_seconds",
            "The life that the token must have left, in seconds or as a duration such as 10m.",
        )
        .default("300, or a tenth of the token's life if that is less")])
        .read("Read the shared token", |mount, call| read(mount, call).boxed())
        .returns(TOKEN)
        .item_type("Shared token");

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let role = Role::named(&mount.entries, call.name()).await?;
    let config = Config::for_role(&mount.entries, &role.config, call.name()).await?;
    let requested = call.duration("minimum_seconds");
    let minimum = requested.map_or(MinimumLife::Default, MinimumLife::Requested);
    let requester = Requester::of(call.request());
    let request = TokenRequest { role_name: call.name().to_owned(), role, config, minimum, requester };
    let failure = match mount.shared_tokens.get(&request).await {
        Ok(shared) => return Ok(answer(mount, shared).await),
        Err(failure @ Failure::Status(..)) if requested.is_none() => failure,
        Err(failure) => return Err(failure),
    };
    match mount.shared_tokens.unexpired(&request).await? {
        Some(shared) => {
            let warning = format!("the token expires soon, and a new one could not be created: {failure}");
            Ok(answer(mount, shared).await.warning(warning))
        }
        None => Err(failure),
    }
}

async fn answer(mount: &GenesysMount, shared: SharedToken) -> Response {
    let api_url = mount.minting.api_url(&shared.place, &shared.token).await;
    Response::with_data(shared.token.answer(api_url, mount.minting.now()))
}
