//! The check of the credentials that generate the next client secret or access key.

use serde::Serialize;

use crate::rotation::{AdminAccess, AdminTarget};

/// The access of the admin credentials, as JSON.
#[derive(Serialize)]
pub(super) struct AdminJson<'a> {
    client_id: &'a str,
    /// The client that gets the next secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sees_idle_client: Option<bool>,
    /// The user that gets the next access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    /// Always null: only a rotation can tell.
    may_edit: Option<bool>,
}

/// The description of the stage, with its findings once it is done.
pub(super) fn describe(admin: Option<&AdminAccess>) -> String {
    let Some(AdminAccess { client_id, edits }) = admin else {
        return "exchange the admin credentials, and read the object that they edit".to_owned();
    };
    match edits {
        AdminTarget::Client { seen: true, .. } => format!(
            "exchange the admin credentials of client {client_id}, and read the client that gets the next secret"
        ),
        AdminTarget::Client { .. } => format!("exchange the admin credentials of client {client_id}"),
        AdminTarget::User { id } => {
            format!("exchange the credentials of client {client_id}, and read the owner of the access key (user {id})")
        }
    }
}

impl<'a> AdminJson<'a> {
    pub(super) fn of(admin: &'a AdminAccess) -> Self {
        let client = match &admin.edits {
            AdminTarget::Client { id, seen } => Some((id.as_str(), *seen)),
            AdminTarget::User { .. } => None,
        };
        Self {
            client_id: &admin.client_id,
            idle_client_id: client.map(|(id, _)| id),
            sees_idle_client: client.map(|(_, seen)| seen),
            user_id: match &admin.edits {
                AdminTarget::User { id } => Some(id),
                AdminTarget::Client { .. } => None,
            },
            may_edit: None,
        }
    }
}

/// The permissions that a check cannot verify.
pub(super) fn note_on(admin: &AdminAccess) -> String {
    match &admin.edits {
        AdminTarget::Client { id, seen } => {
            let seen = match seen {
                true => "",
                false => "; it cannot read that client (oauth:client:view), which is not required",
            };
            format!(
                "only a rotation shows whether the admin may generate a new secret for client {id} (oauth:client:edit, and every role of that client){seen}"
            )
        }
        AdminTarget::User { .. } => {
            "only a rotation shows whether access keys may be created and deleted (My Access Key: create, delete)"
                .to_owned()
        }
    }
}
