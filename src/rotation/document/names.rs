//! The names of the document's fields, with the aliases that other tools use.

pub(super) const ACCESS_TOKEN: &str = "access_token";
pub(super) const TOKEN_TYPE: &str = "token_type";
pub(super) const ISSUED_AT: &str = "issued_at";
pub(super) const EXPIRES_AT: &str = "expires_at";
pub(super) const TOKEN_TENANT_ID: &str = "token_tenant_id";
/// The fields that a token rotation writes.
const TOKEN_FIELDS: [&str; 5] = [ACCESS_TOKEN, TOKEN_TYPE, ISSUED_AT, EXPIRES_AT, TOKEN_TENANT_ID];

pub(super) const PLATFORM: &str = "platform";
pub(super) const REGION: [&str; 3] = ["region", "GENESYSCLOUD_REGION", "GENESYS_CLOUD_REGION"];
pub(super) const TENANT_ID: [&str; 2] = ["tenant_id", "tenantId"];
/// The name of the secret that holds the credentials instead.
pub(crate) const CREDENTIALS: &str = "credentials";
/// The name of the secret whose credentials renew client secrets or access keys.
pub(crate) const ADMIN_CREDENTIALS: &str = "admin_credentials";
/// The two clients or access keys that alternate.
pub(super) const CLIENTS: &str = "clients";
pub(super) const CLIENT: Pair = Pair {
    what: "client",
    id: &["client_id", "clientId", "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLOUD_CLIENT_ID"],
    secret: &["client_secret", "clientSecret", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLOUD_CLIENT_SECRET"],
};
pub(super) const ACCESS_KEY: Pair = Pair {
    what: "access key",
    id: &["access_key_id", "accessKeyId"],
    secret: &["access_key_secret", "accessKeySecret"],
};

/// The fields that are read by these names only.
#[cfg(feature = "operator")]
const OTHERS: [&str; 14] = [
    PLATFORM,
    CREDENTIALS,
    ADMIN_CREDENTIALS,
    CLIENTS,
    "token",
    "resource_owner",
    "name",
    "scopes",
    "token_expires_in",
    "rotate",
    "accept_gap",
    "probes",
    "rotates",
    "used_by",
];
/// The fields that name a place of NICE CXone.
#[cfg(feature = "operator")]
const CXONE: [&str; 3] = ["issuer", "area", "realm"];

/// The names of all fields that a rotation reads or writes.
#[cfg(feature = "operator")]
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    let pairs = [CLIENT, ACCESS_KEY].into_iter().flat_map(|pair| pair.id.iter().chain(pair.secret).copied());
    pairs.chain(TOKEN_FIELDS).chain(OTHERS).chain(REGION).chain(TENANT_ID).chain(CXONE)
}

/// The names of the two fields of a key.
pub(super) struct Pair {
    pub(super) what: &'static str,
    pub(super) id: &'static [&'static str],
    pub(super) secret: &'static [&'static str],
}

impl Pair {
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.id.contains(&name) || self.secret.contains(&name)
    }
}

pub(super) fn is_token_field(name: &str) -> bool {
    TOKEN_FIELDS.contains(&name)
}

/// Returns whether `text` can be a secret's name, ARN or path. Messages quote it, so nothing else may pass.
pub(super) fn is_secret_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
    text.len() <= 512 && text.chars().all(|letter| plain(letter) || (letter == ':' && text.starts_with("arn:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_arns_and_paths_are_secret_names() {
        for name in ["genesys/token-1", "a_b+c=d.e@f", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for text in ["a b", "genesys:token", "arn:aws:a b", "a\nb", "{", &"a".repeat(513)] {
            assert!(!is_secret_name(text), "{text}");
        }
        assert!(is_secret_name(&"a".repeat(512)));
    }
}
