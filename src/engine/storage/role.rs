//! A role: the config, lease times, probes and token kind of `creds/` and `token/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::entries::Entries;
use super::token_kind::TokenKindFields;
use crate::engine::failure::logged_failure;
use crate::rotation::{PlatformName, Probe};
use openbao_plugin::Failure;
use openbao_plugin::framework::{Field, refuse};

/// The prefix of the storage keys.
pub(crate) const PREFIX: &str = "roles/";

/// All probes of a token are sent at once: more would run into the platform's rate limit.
const MOST_PROBES: usize = 20;

/// The request field of a token that must not idle out.
pub(crate) const KEEP_ALIVE: Field = Field::boolean(
    "keep_alive",
    "Whether the engine uses the token at half of its idle time-out, so that the platform does not end it.",
)
.default("false");

/// A role, as it is stored.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Role {
    /// The name of its config.
    pub(crate) config: String,
    /// The lease time in seconds; the mount's default where it is absent or 0.
    #[serde(default)]
    pub(crate) ttl: Option<u64>,
    /// The maximum lease time with renewals, in seconds; the mount's maximum where it is absent or 0.
    #[serde(default)]
    pub(crate) max_ttl: Option<u64>,
    /// Calls that must succeed with a token before it is returned.
    #[serde(default)]
    pub(crate) probes: Vec<String>,
    #[serde(flatten)]
    pub(crate) token: TokenKindFields,
    /// Whether the engine uses the shared token, so that it does not idle out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keep_alive: bool,
}

impl Role {
    /// The storage key of a role.
    pub(crate) fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// Reads a role by its name.
    ///
    /// # Errors
    /// 400 where it does not exist, or the host's error.
    pub(crate) async fn named(entries: &Entries, name: &str) -> Result<Self, Failure> {
        let missing = || refuse(format!("there is no role {name:?}"), "run `bao list genesys-cloud/roles`");
        entries.get(&Self::key(name)).await?.ok_or_else(missing)
    }

    /// The lease time; `None` for the mount's default.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl.filter(|ttl| *ttl > 0).map(Duration::from_secs)
    }

    /// The maximum lease time with renewals; `None` for the mount's maximum.
    pub(crate) fn max_ttl(&self) -> Option<Duration> {
        self.max_ttl.filter(|ttl| *ttl > 0).map(Duration::from_secs)
    }

    /// The parsed probes.
    ///
    /// # Errors
    /// 400 for an invalid probe.
    pub(crate) fn probes(&self) -> Result<Vec<Probe>, Failure> {
        parse_probes(&self.probes)
    }
}

/// Parses the probes of a request or an entry.
///
/// # Errors
/// 400 for an invalid probe, or too many probes.
pub(crate) fn parse_probes(texts: &[String]) -> Result<Vec<Probe>, Failure> {
    if texts.len() > MOST_PROBES {
        let sentence = format!("probes lists {} calls, more than the maximum of {MOST_PROBES}", texts.len());
        return Err(refuse(
            sentence,
            "all probes are sent for each new token: list only the calls that readers need most",
        ));
    }
    texts.iter().map(|text| Probe::parse(text)).collect::<Result<_, _>>().map_err(|error| logged_failure(&error))
}

/// Checks that the platform of a config may end tokens that are not used.
///
/// # Errors
/// 400 for `keep_alive` on another platform.
pub(crate) fn check_keep_alive(keep_alive: bool, config: &Config) -> Result<(), Failure> {
    if keep_alive && config.place().platform() != PlatformName::GenesysCloud {
        return Err(refuse(
            "keep_alive applies to genesys-cloud only",
            "remove keep_alive: CXone documents no idle time-out",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_time_of_zero_is_the_mounts() {
        for (seconds, expected) in [(None, None), (Some(0), None), (Some(1), Some(Duration::from_secs(1)))] {
            let role = Role { ttl: seconds, max_ttl: seconds, ..Role::default() };
            assert_eq!((role.ttl(), role.max_ttl()), (expected, expected), "{seconds:?}");
        }
    }

    #[test]
    fn the_number_of_probes_is_limited() {
        let probes =
            |count: usize| parse_probes(&vec!["GET /api/v2/users/me".to_owned(); count]).map(|read| read.len());
        assert_eq!((probes(0).ok(), probes(MOST_PROBES).ok()), (Some(0), Some(MOST_PROBES)));
        let refusal = probes(MOST_PROBES + 1).expect_err("too many probes").to_string();
        assert!(refusal.contains("probes lists 21 calls"), "{refusal}");
        assert!(parse_probes(&["DELETE /api/v2/users/me".to_owned()]).is_err());
    }
}
