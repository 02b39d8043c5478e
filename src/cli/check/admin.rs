//! What a check says of the credentials that make the next client secret or access key.

use serde::Serialize;

use crate::rotation::{AdminAccess, AdminTarget};

/// The same in JSON.
#[derive(Serialize)]
pub(super) struct AdminJson<'a> {
    client_id: &'a str,
    /// The client that gets the next secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sees_idle_client: Option<bool>,
    /// The user who gets the next access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    /// Nobody knows before it is done.
    may_edit: Option<bool>,
}

/// The stage as a line, with what was found where it has come so far.
pub(super) fn describe(admin: Option<&AdminAccess>) -> String {
    let Some(AdminAccess { client_id, edits }) = admin else {
        return "exchange the admin credentials, and look at what they are to edit".to_owned();
    };
    match edits {
        AdminTarget::Client { seen: true, .. } => format!(
            "exchange the admin credentials of client {client_id}, and look at the client that gets the next secret"
        ),
        AdminTarget::Client { .. } => format!("exchange the admin credentials of client {client_id}"),
        AdminTarget::User { id } => {
            format!("exchange the credentials of client {client_id}, and look whose the access key is (user {id})")
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

/// What a check cannot know of it.
pub(super) fn note_on(admin: &AdminAccess) -> String {
    match &admin.edits {
        AdminTarget::Client { id, seen } => {
            let seen = match seen {
                true => "",
                false => "; it may not look at that client (oauth:client:view), which it need not",
            };
            format!(
                "whether the admin may give client {id} a new secret (oauth:client:edit, and every role of that client) shows only when it is rotated{seen}"
            )
        }
        AdminTarget::User { .. } => {
            "whether access keys may be made and deleted (My Access Key: create, delete) shows only when it is rotated"
                .to_owned()
        }
    }
}
