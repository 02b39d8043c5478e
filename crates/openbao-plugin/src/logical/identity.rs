//! Entities, groups and aliases of the host's identity store.

use std::collections::BTreeMap;

use crate::proto::pb;

/// The name of a caller, or of a group, in one auth method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alias {
    /// The name in the auth method, such as a user's name. It must identify the caller, and not change.
    pub name: String,
    /// Texts about the caller, for templated policies.
    pub metadata: BTreeMap<String, String>,
    /// The type of the auth method's mount. The host sets it.
    pub mount_type: String,
    /// The accessor of the auth method's mount. The host sets it.
    pub mount_accessor: String,
    /// The id in the identity store. The host sets it.
    pub id: String,
    /// The namespace. The host sets it.
    pub namespace_id: String,
    /// Texts that an operator added.
    pub custom_metadata: BTreeMap<String, String>,
    /// Whether the alias is local to its cluster.
    pub local: bool,
}

impl Alias {
    /// The alias with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a text about the caller.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), text.into());
        self
    }

    pub(super) fn into_wire(self) -> pb::Alias {
        pb::Alias {
            mount_type: self.mount_type,
            mount_accessor: self.mount_accessor,
            name: self.name,
            metadata: self.metadata.into_iter().collect(),
            id: self.id,
            namespace_id: self.namespace_id,
            custom_metadata: self.custom_metadata.into_iter().collect(),
            local: self.local,
        }
    }

    pub(super) fn from_wire(alias: pb::Alias) -> Self {
        Self {
            name: alias.name,
            metadata: alias.metadata.into_iter().collect(),
            mount_type: alias.mount_type,
            mount_accessor: alias.mount_accessor,
            id: alias.id,
            namespace_id: alias.namespace_id,
            custom_metadata: alias.custom_metadata.into_iter().collect(),
            local: alias.local,
        }
    }
}

/// A person or a machine in the host's identity store; see [`SystemView::entity`](crate::SystemView::entity).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entity {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Its names in the auth methods.
    pub aliases: Vec<Alias>,
    /// Texts that an operator added.
    pub metadata: BTreeMap<String, String>,
    /// Whether its tokens are refused.
    pub disabled: bool,
    /// The namespace.
    pub namespace_id: String,
}

impl Entity {
    pub(super) fn from_wire(entity: pb::Entity) -> Self {
        Self {
            id: entity.id,
            name: entity.name,
            aliases: entity.aliases.into_iter().map(Alias::from_wire).collect(),
            metadata: entity.metadata.into_iter().collect(),
            disabled: entity.disabled,
            namespace_id: entity.namespace_id,
        }
    }
}

/// A group in the host's identity store; see [`SystemView::groups_of`](crate::SystemView::groups_of).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Texts that an operator added.
    pub metadata: BTreeMap<String, String>,
    /// The namespace.
    pub namespace_id: String,
}

impl Group {
    pub(super) fn from_wire(group: pb::Group) -> Self {
        let metadata = group.metadata.into_iter().collect();
        Self { id: group.id, name: group.name, metadata, namespace_id: group.namespace_id }
    }
}
