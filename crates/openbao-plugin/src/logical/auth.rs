//! The tokens that auth methods request, and their renewals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::failure::Failure;
use super::identity::Alias;
use super::lease::Lease;
use super::wire_json::{json, object};
use super::wire_time::{duration, nanoseconds};
use crate::proto::pb;

/// A token that the host is to create, in the answer of an auth method to a login; and in the answer to its renewal, the
/// request's [`HeldAuth::auth`] with other lease times.
///
/// ```
/// use std::time::Duration;
///
/// use openbao_plugin::{Alias, Auth, Lease, Response};
///
/// let auth = Auth::new(Alias::new("ada"))
///     .display_name("ada")
///     .policies(["readers"])
///     .lease(Lease::new(Duration::from_secs(3600)).renewable());
/// assert!(Response::empty().authenticated(auth).auth.is_some());
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Auth {
    /// The lease times of the token, and what the backend needs to renew it. A zero means the mount's own time.
    pub lease: Lease,
    /// The prefix of display names, for audit logs. Not a secret.
    pub display_name: String,
    /// The policies of the token.
    pub policies: Vec<String>,
    /// Texts for audit logs and templated policies.
    pub metadata: BTreeMap<String, String>,
    /// The name of the caller in this auth method, which the host maps to an entity.
    pub alias: Option<Alias>,
    /// The external groups of the caller.
    pub group_aliases: Vec<Alias>,
    /// The addresses from which the token may be used, such as `10.0.0.0/8`. Empty: any.
    pub bound_cidrs: Vec<String>,
    /// Renewals last so long, without an end. Zero: none.
    pub period: Duration,
    /// A limit that no renewal exceeds, periodic ones included. Zero: none.
    pub explicit_max_ttl: Duration,
    /// How often the token may be used. 0: any number of times.
    pub num_uses: i64,
    /// The type of the token.
    pub token_type: TokenType,
    /// Whether the token lacks the policy `default`.
    pub no_default_policy: bool,
    /// What the host sends with a renewal, and expects in its answer.
    held: Held,
}

#[derive(Clone, Default, PartialEq)]
struct Held {
    client_token: String,
    accessor: String,
    entity_id: String,
    token_policies: Vec<String>,
    identity_policies: Vec<String>,
}

/// The type of a token (sdk/logical, `TokenType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// As the mount is tuned.
    #[default]
    Default,
    /// A service token, which is stored and can be renewed and revoked.
    Service,
    /// A batch token, which is neither.
    Batch,
}

impl Auth {
    /// A token without policies beside `default`, for the caller with this alias.
    pub fn new(alias: Alias) -> Self {
        Self {
            lease: Lease::new(Duration::ZERO),
            display_name: String::new(),
            policies: Vec::new(),
            metadata: BTreeMap::new(),
            alias: Some(alias),
            group_aliases: Vec::new(),
            bound_cidrs: Vec::new(),
            period: Duration::ZERO,
            explicit_max_ttl: Duration::ZERO,
            num_uses: 0,
            token_type: TokenType::Default,
            no_default_policy: false,
            held: Held::default(),
        }
    }

    /// Sets the lease times, and what the backend needs to renew the token.
    #[must_use]
    pub fn lease(mut self, lease: Lease) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the prefix of display names.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Adds policies.
    #[must_use]
    pub fn policies(mut self, policies: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.policies.extend(policies.into_iter().map(Into::into));
        self
    }

    /// Adds a text for audit logs and templated policies.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), text.into());
        self
    }

    /// Returns the accessor of the token, in a renewal.
    pub fn accessor(&self) -> &str {
        &self.held.accessor
    }

    /// Returns the caller's entity, in a renewal.
    pub fn entity_id(&self) -> &str {
        &self.held.entity_id
    }

    pub(super) fn into_wire(self, issued_at: SystemTime) -> pb::Auth {
        let options = pb::LeaseOptions {
            ttl: nanoseconds(self.lease.ttl),
            renewable: self.lease.renewable,
            increment: 0,
            issue_time: Some(issued_at.into()),
            max_ttl: nanoseconds(self.lease.max_ttl),
        };
        pb::Auth {
            lease_options: Some(options),
            internal_data: json(Some(self.lease.internal_data)),
            display_name: self.display_name,
            policies: self.policies,
            metadata: self.metadata.into_iter().collect(),
            client_token: self.held.client_token,
            accessor: self.held.accessor,
            period: nanoseconds(self.period),
            num_uses: self.num_uses,
            entity_id: self.held.entity_id,
            alias: self.alias.map(Alias::into_wire),
            group_aliases: self.group_aliases.into_iter().map(Alias::into_wire).collect(),
            bound_cidrs: self.bound_cidrs,
            token_policies: self.held.token_policies,
            identity_policies: self.held.identity_policies,
            explicit_max_ttl: nanoseconds(self.explicit_max_ttl),
            token_type: self.token_type as u32,
            no_default_policy: self.no_default_policy,
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Auth").field("display_name", &self.display_name).finish_non_exhaustive()
    }
}

/// A token that an auth method requested, in its renewal. `Debug` omits its contents.
///
/// ```
/// use openbao_plugin::framework::refuse;
/// use openbao_plugin::{Failure, Request, Response};
///
/// fn renew(request: Request, policies: &[String]) -> Result<Response, Failure> {
///     let held = request.auth.ok_or_else(|| Failure::internal("the renewal has no token"))?;
///     if !held.has_policies(policies) {
///         return Err(refuse("the policies have changed", "log in again"));
///     }
///     Ok(Response::empty().authenticated(held.auth))
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldAuth {
    /// The token as requested.
    pub auth: Auth,
    /// The extension that the caller requested. Zero leaves it to the backend.
    pub increment: Duration,
    /// When the token was created.
    pub issued_at: Option<SystemTime>,
}

impl HeldAuth {
    /// Returns whether these are still the policies that the backend requested for the token, in any order. Those of the
    /// caller's entity and `default` do not count.
    pub fn has_policies(&self, policies: &[String]) -> bool {
        let requested = |policies: &[String]| -> BTreeSet<String> {
            policies.iter().filter(|policy| *policy != "default").map(|policy| policy.to_lowercase()).collect()
        };
        requested(&self.auth.held.token_policies) == requested(policies)
    }

    pub(super) fn from_wire(auth: pb::Auth) -> Result<Self, Failure> {
        let options = auth.lease_options.unwrap_or_default();
        let internal_data: Map<String, Value> = object(&auth.internal_data)?;
        let mut lease =
            Lease::new(duration(options.ttl)).max_ttl(duration(options.max_ttl)).internal_data(internal_data);
        lease.renewable = options.renewable;
        let held = Held {
            client_token: auth.client_token,
            accessor: auth.accessor,
            entity_id: auth.entity_id,
            token_policies: auth.token_policies,
            identity_policies: auth.identity_policies,
        };
        let auth = Auth {
            lease,
            display_name: auth.display_name,
            policies: auth.policies,
            metadata: auth.metadata.into_iter().collect(),
            alias: auth.alias.map(Alias::from_wire),
            group_aliases: auth.group_aliases.into_iter().map(Alias::from_wire).collect(),
            bound_cidrs: auth.bound_cidrs,
            period: duration(auth.period),
            explicit_max_ttl: duration(auth.explicit_max_ttl),
            num_uses: auth.num_uses,
            token_type: token_type(auth.token_type),
            no_default_policy: auth.no_default_policy,
            held,
        };
        let issued_at = options.issue_time.and_then(|time| time.try_into().ok());
        Ok(Self { auth, increment: duration(options.increment), issued_at })
    }
}

fn token_type(number: u32) -> TokenType {
    match number {
        1 => TokenType::Service,
        2 => TokenType::Batch,
        _ => TokenType::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_keeps_all_of_the_hosts_fields() {
        let wire = pb::Auth {
            lease_options: Some(pb::LeaseOptions {
                ttl: 5,
                issue_time: Some(SystemTime::UNIX_EPOCH.into()),
                ..Default::default()
            }),
            internal_data: r#"{"a":1}"#.to_owned(),
            display_name: "name".to_owned(),
            policies: vec!["one".to_owned()],
            metadata: [("a".to_owned(), "b".to_owned())].into(),
            client_token: "token".to_owned(),
            accessor: "accessor".to_owned(),
            period: 1,
            num_uses: 2,
            entity_id: "entity".to_owned(),
            alias: Some(pb::Alias { name: "ada".to_owned(), id: "7".to_owned(), local: true, ..Default::default() }),
            group_aliases: vec![pb::Alias { name: "group".to_owned(), ..Default::default() }],
            bound_cidrs: vec!["10.0.0.0/8".to_owned()],
            token_policies: vec!["two".to_owned()],
            identity_policies: vec!["three".to_owned()],
            explicit_max_ttl: 3,
            token_type: 2,
            no_default_policy: true,
        };
        let held = HeldAuth::from_wire(wire.clone()).unwrap();
        assert_eq!((held.auth.accessor(), held.auth.entity_id()), ("accessor", "entity"));
        assert!(
            held.has_policies(&["default".to_owned(), "Two".to_owned()]) && !held.has_policies(&["one".to_owned()])
        );
        assert!(!format!("{held:?}").contains("token\""), "{held:?}");
        assert!(held.auth.into_wire(SystemTime::UNIX_EPOCH) == wire);
    }
}
