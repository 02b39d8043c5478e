//! A role: what its callers get tokens for, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entries::Entries;
use super::token_kind::KindOfToken;
use crate::engine::failure::failure;
use crate::rotation::Probe;
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// The prefix of the keys.
pub(crate) const PREFIX: &str = "roles/";

/// All probes go out together, so there must not be so many that they meet the platform's rate limit.
const MOST_PROBES: usize = 20;

/// A role, as it is stored.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Role {
    /// The name of its config.
    pub(crate) config: String,
    /// How long a lease lasts, in seconds; what the mount says where there is none.
    #[serde(default)]
    pub(crate) ttl: Option<u64>,
    /// How long renewals may stretch a lease, in seconds; what the mount says where there is none.
    #[serde(default)]
    pub(crate) max_ttl: Option<u64>,
    /// Calls that must succeed with a token before anybody gets it.
    #[serde(default)]
    pub(crate) probes: Vec<String>,
    /// Which kind of token.
    #[serde(flatten)]
    pub(crate) token: KindOfToken,
}

impl Role {
    /// The key of a role by its name.
    pub(crate) fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// The role that somebody asks for.
    ///
    /// # Errors
    /// A 400 where there is none, or what the host says.
    pub(crate) async fn asked_for(entries: &Entries, name: &str) -> Result<Self, Failure> {
        let missing = || refuse(format!("there is no role {name:?}"), "list roles/ shows those that there are");
        entries.get(&Self::key(name)).await?.ok_or_else(missing)
    }

    /// How long a lease lasts.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl.filter(|ttl| *ttl > 0).map(Duration::from_secs)
    }

    /// How long renewals may stretch a lease.
    pub(crate) fn max_ttl(&self) -> Option<Duration> {
        self.max_ttl.filter(|ttl| *ttl > 0).map(Duration::from_secs)
    }

    /// Its probes.
    ///
    /// # Errors
    /// A 400 for what is no probe.
    pub(crate) fn probes(&self) -> Result<Vec<Probe>, Failure> {
        parse_probes(&self.probes)
    }
}

/// Reads probes as a caller or an entry spells them.
///
/// # Errors
/// A 400 for what is no probe.
pub(crate) fn parse_probes(texts: &[String]) -> Result<Vec<Probe>, Failure> {
    if texts.len() > MOST_PROBES {
        let sentence = format!("probes lists {} calls, and may list {MOST_PROBES}", texts.len());
        return Err(refuse(sentence, "all of them are made for each new token: list what its readers need most"));
    }
    texts.iter().map(|text| Probe::parse(text)).collect::<Result<_, _>>().map_err(|error| failure(&error))
}
