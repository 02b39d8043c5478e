//! The moments at which the programs are replaced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use simulators::Simulation;
use simulators::faults::Effect;

use crate::{CLIENT, REGENERATE, SECOND};

/// When the programs are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After a rotation.
    Promoted,
    /// During a rotation: its token is staged.
    Pending,
    /// During a rotation of two clients: the secret of the second one is staged.
    Alternating,
    /// During an in-place rotation: the secret is regenerated, and the answer is lost.
    AnswerLost,
    /// During an in-place rotation: the new secret is known, and no token of it yet.
    SecretWritten,
}

impl Moment {
    pub const ALL: [Self; 5] =
        [Self::Promoted, Self::Pending, Self::Alternating, Self::AnswerLost, Self::SecretWritten];

    pub fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Pending => "pending",
            Self::Alternating => "alternating",
            Self::AnswerLost => "answer-lost",
            Self::SecretWritten => "secret-written",
        }
    }

    /// Whether the client's only secret is replaced: readers' `client_secret` is invalid until the promotion.
    pub fn is_in_place(self) -> bool {
        matches!(self, Self::AnswerLost | Self::SecretWritten)
    }

    /// The document before its first rotation. `admin` is the name of the administrator's document.
    pub fn document(self, admin: &str) -> Value {
        let mut document = json!({
            "region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1, "ours": {"kept": 1.50},
        });
        let fields = match self {
            Self::Promoted | Self::Pending => json!({"probes": ["GET /api/v2/routing/skills?pageSize=1"]}),
            Self::Alternating => json!({
                "rotate": "client_secret", "admin_credentials": admin,
                "clients": [
                    {"client_id": CLIENT.0, "client_secret": CLIENT.1},
                    {"client_id": SECOND.0, "client_secret": SECOND.1},
                ],
            }),
            Self::AnswerLost | Self::SecretWritten => json!({"rotate": "client_secret", "accept_gap": true}),
        };
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        document
    }

    /// Holds a rotation at the moment. [`Moment::is_reached`] tells when it got there.
    pub fn hold(self, simulation: &Simulation) {
        let is_regenerated = AtomicBool::new(false);
        simulation.faults.choose_with(move |operation, _| match (self, operation) {
            (Self::AnswerLost, REGENERATE) => Some(Effect::DelayAnswer(Duration::from_secs(3600))),
            (Self::SecretWritten, REGENERATE) => {
                is_regenerated.store(true, Ordering::SeqCst);
                None
            }
            (Self::SecretWritten, "POST /oauth/token") if is_regenerated.load(Ordering::SeqCst) => Some(Effect::Hang),
            (Self::Pending | Self::Alternating, "GET /api/v2/users/me") => Some(Effect::Hang),
            _ => None,
        });
    }

    /// Whether the held rotation has reached the moment. The journal begins with the rotation, and `before` is the
    /// client's secret at that time.
    pub fn is_reached(self, simulation: &Simulation, before: &str) -> bool {
        let calls = simulation.journal.calls();
        let mut after = calls.iter().skip_while(|call| call.operation != REGENERATE).skip(1);
        match self {
            Self::Promoted => true,
            Self::Pending | Self::Alternating => simulation.journal.count("GET /api/v2/users/me") > 0,
            Self::AnswerLost => !simulation.genesys.accepts(CLIENT.0, before),
            Self::SecretWritten => after.any(|call| call.operation == "POST /oauth/token"),
        }
    }
}
