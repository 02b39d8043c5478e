//! The fields of answers, for the OpenAPI document.

use openbao_plugin::framework::Field;

const ACCESS_TOKEN: Field = Field::text("access_token", "The token.").sensitive();
const TOKEN_TYPE: Field = Field::text("token_type", "The type of the token, such as bearer.");
const EXPIRES_AT: Field = Field::text("expires_at", "When the token expires (RFC 3339).");
const API_URL: Field = Field::text("api_url", "The base address of the API; null where the platform did not name it.");
const CONFIG: Field = Field::text("config", "The name of the config.");
const PROBES: Field = Field::texts("probes", "Calls that must succeed with a new token.");
const KEEPS_ALIVE: Field =
    Field::boolean("keep_alive", "Whether the engine uses the token, so that it does not idle out.");
const LAST_ROTATION: Field = Field::text("last_rotation", "The last rotation (RFC 3339).");
const LAST_VAULT_ROTATION: Field = Field::text("last_vault_rotation", "The last rotation (RFC 3339).");
const NEXT_ROTATION: Field = Field::text("next_rotation", "The next rotation; null without automated rotation.");
const LAST_ERROR: Field = Field::map("last_error", "Why the last rotation failed; null after a success.");
const ROTATION_PERIOD: Field = Field::duration("rotation_period", "The time between rotations.");
const ROTATION_SCHEDULE: Field = Field::text("rotation_schedule", "When to rotate, as the five fields of cron in UTC.");
const ROTATION_WINDOW: Field = Field::duration("rotation_window", "How long after such a time a rotation may start.");
const DISABLE: Field = Field::boolean("disable_automated_rotation", "Whether to rotate only on request.");
const TOKEN_KIND: Field = Field::text("token", "The token kind.");
const RESOURCE_OWNER: Field = Field::text("resource_owner", "The id of the account that the token acts for.");
const TOKEN_NAME: Field = Field::text("token_name", "The token's name in the platform's list.");
const SCOPES: Field = Field::texts("scopes", "The scopes of the token.");
const TOKEN_EXPIRES_IN: Field = Field::duration("token_expires_in", "The lifetime of the token.");

/// A leased or shared token.
pub(super) const TOKEN: &[Field] = &[
    ACCESS_TOKEN,
    TOKEN_TYPE,
    EXPIRES_AT,
    Field::integer("ttl", "The remaining lifetime of the token in seconds."),
    API_URL,
];

/// The token of a static role.
pub(super) const STATIC_TOKEN: &[Field] = &[
    ACCESS_TOKEN,
    TOKEN_TYPE,
    EXPIRES_AT,
    Field::integer("ttl", "The time to the next rotation in seconds."),
    Field::integer("token_ttl", "The remaining lifetime of the token in seconds."),
    API_URL,
    LAST_VAULT_ROTATION,
    LAST_ROTATION,
    ROTATION_PERIOD,
    ROTATION_SCHEDULE,
    ROTATION_WINDOW,
    DISABLE,
];

/// A role.
pub(super) const ROLE: &[Field] = &[
    CONFIG,
    Field::duration("ttl", "The lease time in seconds; 0 for the mount's default."),
    Field::duration("max_ttl", "The maximum lease time in seconds; 0 for the mount's maximum."),
    PROBES,
    KEEPS_ALIVE,
    TOKEN_KIND,
    RESOURCE_OWNER,
    TOKEN_NAME,
    SCOPES,
    TOKEN_EXPIRES_IN,
];

/// A static role.
pub(super) const STATIC_ROLE: &[Field] = &[
    CONFIG,
    PROBES,
    KEEPS_ALIVE,
    LAST_VAULT_ROTATION,
    LAST_ROTATION,
    NEXT_ROTATION,
    EXPIRES_AT,
    LAST_ERROR,
    ROTATION_PERIOD,
    ROTATION_SCHEDULE,
    ROTATION_WINDOW,
    DISABLE,
    TOKEN_KIND,
    RESOURCE_OWNER,
    TOKEN_NAME,
    SCOPES,
    TOKEN_EXPIRES_IN,
];

/// A config.
pub(super) const CONFIG_FIELDS: &[Field] = &[
    Field::text("platform", "The platform."),
    Field::text("region", "The region of the organization."),
    Field::text("issuer", "CXone: the issuer."),
    Field::text("area", "CXone: the area of UserHub."),
    Field::text("realm", "CXone: the realm."),
    Field::text("tenant_id", "CXone: the tenant's id."),
    Field::text("client_id", "The OAuth client's id."),
    Field::text("access_key_id", "CXone: the id of the access key."),
    Field::text("former_access_key_id", "CXone: the id of the access key before it, which is still valid."),
    Field::text("idle_client_id", "The id of the second OAuth client."),
    Field::text("admin_config", "The config whose client may edit both clients."),
    Field::texts("rotates", "The OAuth clients whose secrets this config's client may regenerate for others."),
    Field::texts("allowed_roles", "The roles and static roles that may use the config."),
    ROTATION_PERIOD,
    ROTATION_SCHEDULE,
    ROTATION_WINDOW,
    DISABLE,
    Field::boolean("accept_gap", "Whether the secret of the only client may be rotated automatically."),
    LAST_VAULT_ROTATION,
    NEXT_ROTATION,
    LAST_ERROR,
];

/// A replaced token.
pub(super) const REPLACED: &[Field] = &[
    Field::text("expires_at", "When the new token expires (RFC 3339)."),
    Field::integer("revoked", "The number of tokens that the platform was seen to reject."),
];

/// A rotation that revokes. Without `revoke_previous`, the answer is empty.
pub(super) const ROTATED: &[Field] =
    &[Field::integer("revoked", "The number of tokens that the platform was seen to reject.")];

/// A revoked token.
pub(super) const REVOKED: &[Field] = &[
    Field::boolean("revoked", "Always true: the platform was seen to reject the token."),
    Field::texts("replaced", "The roles that returned the token and have another one now."),
];
