//! The part of the control surface that steers CXone.
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sim/cxone` | returns the numbers of live and minted tokens, the ids of clients and access keys, and the knobs |
//! | `PATCH /_sim/cxone` | sets knobs by the names of [`CxoneSettings`](super::CxoneSettings) |
//! | `POST /_sim/cxone/clients` | adds an application, by the names of [`Application`] |
//! | `POST /_sim/cxone/access-keys` | adds an access key, by the names of [`AccessKey`] |
//! | `POST /_sim/cxone/advance` | advances the clock by `seconds` |
//! | `POST /_sim/cxone/revoke-all` | revokes all tokens |

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::organization::Cxone;
use super::state::{AccessKey, Application};
use crate::control::{Advance, done, merge, read};
use crate::http::{self, Reply, Request};

/// Answers a request of this part of the control surface; `None` for any other request.
pub fn control(request: &Request, cxone: &Cxone) -> Option<Reply> {
    Some(done(match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/_sim/cxone") => return Some(http::json(StatusCode::OK, &describe(cxone))),
        ("PATCH", "/_sim/cxone") => read(request).and_then(|knobs| {
            let mut result = Ok(());
            cxone.set(|settings| result = merge(settings, knobs).map(|merged| *settings = merged));
            result
        }),
        ("POST", "/_sim/cxone/clients") => read::<Application>(request).map(|client| cxone.add_client(client)),
        ("POST", "/_sim/cxone/access-keys") => read::<AccessKey>(request).map(|key| cxone.add_access_key(key)),
        ("POST", "/_sim/cxone/advance") => {
            read::<Advance>(request).map(|advance| cxone.advance(Duration::from_secs(advance.seconds)))
        }
        ("POST", "/_sim/cxone/revoke-all") => {
            cxone.revoke_all();
            Ok(())
        }
        _ => return None,
    }))
}

fn describe(cxone: &Cxone) -> Value {
    let keys = cxone.access_keys();
    let key = |key: &AccessKey| json!({ "id": key.id, "user_id": key.user_id, "is_active": key.is_active });
    json!({
        "live_tokens": cxone.live_tokens().len(),
        "minted_tokens": cxone.minted(),
        "clients": cxone.clients().into_iter().map(|client| client.id).collect::<Vec<_>>(),
        "access_keys": keys.iter().map(key).collect::<Vec<_>>(),
        "settings": cxone.settings(),
    })
}
