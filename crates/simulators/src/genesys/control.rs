//! The part of the control surface that steers Genesys Cloud.
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sim/genesys` | returns the numbers of live and minted tokens, the ids of the clients, and the knobs |
//! | `PATCH /_sim/genesys` | sets knobs by the names of [`GenesysSettings`](super::GenesysSettings) |
//! | `POST /_sim/genesys/clients` | adds a client, by the names of [`OAuthClient`] |
//! | `POST /_sim/genesys/advance` | advances the clock by `seconds` |
//! | `POST /_sim/genesys/revoke-all` | revokes all tokens |

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::client::OAuthClient;
use super::organization::Genesys;
use crate::control::{Advance, done, merge, read};
use crate::http::{self, Reply, Request};

/// Answers a request of this part of the control surface; `None` for any other request.
pub fn control(request: &Request, genesys: &Genesys) -> Option<Reply> {
    Some(done(match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/_sim/genesys") => return Some(http::json(StatusCode::OK, &describe(genesys))),
        ("PATCH", "/_sim/genesys") => read(request).and_then(|knobs| set_knobs(genesys, knobs)),
        ("POST", "/_sim/genesys/clients") => read::<OAuthClient>(request).map(|client| genesys.add_client(client)),
        ("POST", "/_sim/genesys/advance") => {
            read::<Advance>(request).map(|advance| genesys.advance(Duration::from_secs(advance.seconds)))
        }
        ("POST", "/_sim/genesys/revoke-all") => {
            genesys.revoke_all();
            Ok(())
        }
        _ => return None,
    }))
}

fn describe(genesys: &Genesys) -> Value {
    let clients: Vec<_> = genesys.clients().into_iter().map(|client| client.id).collect();
    json!({
        "live_tokens": genesys.live_tokens().len(),
        "minted_tokens": genesys.minted(),
        "clients": clients,
        "settings": genesys.settings(),
    })
}

/// Sets the named knobs, and keeps the others.
fn set_knobs(genesys: &Genesys, knobs: Map<String, Value>) -> Result<(), String> {
    let mut result = Ok(());
    genesys.set(|settings| result = merge(settings, knobs).map(|merged| *settings = merged));
    result
}
