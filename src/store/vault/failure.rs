//! Errors of calls to Vault.
//!
//! The client's errors are never kept as the source: they hold the answer's body, and not Vault's message.

use rustify::errors::ClientError as RestError;
use vaultrs::error::ClientError;

use crate::connection::Peer;
use crate::rotation::{ErrorKind, RotationError};

/// The maximum length of Vault's message in an error, in characters.
const LONGEST_MESSAGE: usize = 300;

/// The result of a call.
pub(super) type VaultResult<T> = Result<T, VaultError>;

/// The error of a call, before it is explained.
pub(super) enum VaultError {
    /// An error status.
    Answer {
        status: u16,
        /// Vault's message, if any.
        message: String,
        /// The body, which is never printed because it can hold secrets.
        body: String,
    },
    /// Vault rejects the token, and there is no other one. Holds Vault's message.
    TokenRejected(String),
    /// The token was rejected, and so was the login for another one.
    Login(RotationError),
    /// No response.
    Unreachable(reqwest::Error),
    /// An answer that is not Vault's.
    Unreadable,
}

/// A call, for the messages about it.
pub(super) struct KvCall<'a> {
    pub(super) action: &'static str,
    /// The capabilities that a policy must grant, separated by `", "`.
    pub(super) capability: &'static str,
    /// The API path.
    pub(super) path: &'a str,
}

impl VaultError {
    pub(super) fn of(error: ClientError) -> Self {
        match error {
            ClientError::APIError { code, errors } => {
                Self::Answer { status: code, message: one_line(&errors.join("; ")), body: String::new() }
            }
            ClientError::RestClientError { source: RestError::ServerResponseError { code, content } } => {
                Self::Answer { status: code, message: String::new(), body: content.unwrap_or_default() }
            }
            ClientError::RestClientError {
                source: RestError::RequestError { source, .. } | RestError::ResponseError { source },
            } => source.downcast().map_or(Self::Unreadable, Self::Unreachable),
            _ => Self::Unreadable,
        }
    }
}

impl KvCall<'_> {
    /// Explains a failed call.
    pub(super) fn failed(&self, error: VaultError) -> RotationError {
        let Self { action, path, .. } = self;
        let (status, said) = match error {
            VaultError::Answer { status, message, .. } => (status, message),
            VaultError::TokenRejected(message) => return token_rejected(&message),
            VaultError::Login(error) => return error,
            VaultError::Unreachable(error) => return unreachable(error),
            VaultError::Unreadable => return not_vault(&format!("the answer to {action} {path}")),
        };
        match status {
            403 => self.denied(&said),
            404 => {
                RotationError::new(ErrorKind::SecretNotFound, format!("{path} does not exist{}", quoted(404, &said)))
                    .with_hint("check the mount, the path, VAULT_ADDR and VAULT_NAMESPACE")
            }
            400 if said.contains("check-and-set") => {
                let message = format!("another writer changed {path}{}", quoted(400, &said));
                RotationError::new(ErrorKind::StoreConflict, message)
            }
            413 => RotationError::new(
                ErrorKind::DocumentInvalid,
                format!("{path} is too large for Vault{}", quoted(413, &said)),
            ),
            _ => unavailable(&format!("the call to {action} {path}"), status, &said),
        }
    }

    fn denied(&self, said: &str) -> RotationError {
        let Self { action, capability, path } = self;
        let message = format!("Vault denied this login to {action} {path}{}", quoted(403, said));
        let hint = format!(
            r#"add path "{path}" {{ capabilities = ["{capability}"] }} to its policy; Vault also returns this for an expired or revoked token, and for another VAULT_NAMESPACE"#
        );
        RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
    }
}

/// Explains a failed login.
pub(super) fn login_failed(error: VaultError, method: &str, mount: &str) -> RotationError {
    match error {
        VaultError::Answer { status: status @ (400 | 401 | 403 | 404), message, .. } => {
            let message = format!("Vault rejected the {method} login at auth/{mount}{}", quoted(status, &message));
            let hint = match method {
                "AppRole" => {
                    "check VAULT_ROLE_ID and VAULT_SECRET_ID (a secret id can expire or reach its use limit), VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
                "JWT" => {
                    "check VAULT_JWT_ROLE, the audience and claims bound to that role, the age of the JWT, VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
                "AWS" => {
                    "check VAULT_AWS_ROLE and the principals bound to that role, VAULT_AWS_REGION (the server's sts_region), VAULT_AWS_HEADER_VALUE, VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
                _ => {
                    "check VAULT_KUBERNETES_ROLE, the service accounts and namespaces bound to that role, VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
            };
            RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
        }
        VaultError::Answer { status, message, .. } => unavailable(&format!("the {method} login"), status, &message),
        VaultError::TokenRejected(message) => token_rejected(&message),
        VaultError::Login(error) => error,
        VaultError::Unreachable(error) => unreachable(error),
        VaultError::Unreadable => not_vault(&format!("the answer to the {method} login")),
    }
}

fn token_rejected(said: &str) -> RotationError {
    RotationError::new(ErrorKind::StoreDenied, format!("Vault rejects the token{}", quoted(403, said))).with_hint(
        r#"the token is expired or revoked, or of another VAULT_NAMESPACE: run `bao login` or `vault login`, or set VAULT_TOKEN to a new token; an AppRole or Kubernetes login is repeated without help. A valid token also needs permission to read auth/token/lookup-self, which the policy "default" grants"#,
    )
}

/// Explains a status that does not depend on the call (Vault HTTP API, "HTTP status codes").
fn unavailable(what: &str, status: u16, said: &str) -> RotationError {
    let unavailable = |message: String| RotationError::new(ErrorKind::StoreUnavailable, message);
    let quoted = quoted(status, said);
    match status {
        429 => RotationError::new(ErrorKind::RateLimited, format!("Vault limits the rate of calls{quoted}"))
            .with_hint("wait and try again; if the error persists, raise the rate limit quota in Vault"),
        503 if said.contains("sealed") => unavailable(format!("Vault is sealed{quoted}"))
            .with_hint("unseal it (`bao operator unseal`, `vault operator unseal`), then try again"),
        412 | 500..=599 => unavailable(format!("Vault failed to answer {what}{quoted}"))
            .with_hint("try again; if the error persists, check Vault's log and `bao status` or `vault status`"),
        300..=399 => unavailable(format!(
            "Vault answered {what} with a redirect{quoted}, which is never followed because it would receive the token"
        ))
        .with_hint("set VAULT_ADDR to the active node, or to a load balancer in front of it")
        .permanent(),
        _ if said.is_empty() => unavailable(format!("{what} was rejected without a message from Vault{quoted}"))
            .with_hint("check VAULT_ADDR (https if Vault serves https) and any proxy in between")
            .permanent(),
        _ => unavailable(format!("Vault rejected {what}{quoted}")).with_hint("read Vault's message").permanent(),
    }
}

fn not_vault(what: &str) -> RotationError {
    let message = format!("{what} is not an answer of KV version 2");
    RotationError::new(ErrorKind::StoreUnavailable, message)
        .with_hint("check VAULT_ADDR, any proxy in between, and that the mount is KV version 2")
}

/// Explains a call that got no response.
fn unreachable(error: reqwest::Error) -> RotationError {
    let origin = error.url().map(|url| format!("Vault at {}", url.origin().ascii_serialization()));
    let peer = Peer {
        kind: ErrorKind::StoreUnavailable,
        name: origin.as_deref().unwrap_or("Vault"),
        certificate_hint: "set VAULT_CACERT to the certificate of the authority that signed it",
        hint: "try again; if the error persists, check VAULT_ADDR (BAO_ADDR takes precedence), the network path, and that Vault runs",
    };
    peer.unreachable(error)
}

fn quoted(status: u16, said: &str) -> String {
    if said.is_empty() { format!(" ({status})") } else { format!(" ({status}: {said})") }
}

/// Joins the lines and bullets of a longer message.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().filter(|word| *word != "*").collect();
    words.join(" ").chars().filter(|letter| !letter.is_control()).take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Retryability;

    fn explained(status: u16, texts: &str) -> RotationError {
        let error = VaultError::of(ClientError::APIError { code: status, errors: vec![texts.to_owned()] });
        KvCall { action: "read", capability: "read", path: "secret/data/x" }.failed(error)
    }

    #[test]
    fn each_status_has_its_kind_and_keeps_the_message() {
        use Retryability::{MaySettle, Permanent, Transient};
        let check_and_set = "check-and-set parameter did not match the current version";
        for (status, texts, kind, retryability, hint) in [
            (400, check_and_set, ErrorKind::StoreConflict, MaySettle, "changed"),
            (400, "missing client token", ErrorKind::StoreUnavailable, Permanent, "read Vault's message"),
            (403, "permission denied", ErrorKind::StoreDenied, Permanent, "policy"),
            (404, "no handler for route", ErrorKind::SecretNotFound, Permanent, "check the mount"),
            (307, "elsewhere", ErrorKind::StoreUnavailable, Permanent, "set VAULT_ADDR to the active node"),
            (412, "required index state not present", ErrorKind::StoreUnavailable, Transient, "`bao status`"),
            (413, "request body too large", ErrorKind::DocumentInvalid, Permanent, ""),
            (429, "request path quota exceeded", ErrorKind::RateLimited, Transient, "rate limit quota"),
            (500, "internal error", ErrorKind::StoreUnavailable, Transient, "`bao status`"),
            (502, "bad gateway", ErrorKind::StoreUnavailable, Transient, "`bao status`"),
            (503, "Vault is sealed", ErrorKind::StoreUnavailable, Transient, "unseal it"),
            (503, "no active node", ErrorKind::StoreUnavailable, Transient, "`bao status`"),
        ] {
            let error = explained(status, texts);
            assert_eq!((error.kind(), error.retryability()), (kind, retryability), "{status}");
            assert!(error.to_string().contains(&format!("({status}: {texts})")), "{error}");
            assert!(error.hint().contains(hint) && !error.hint().contains("AWS"), "{status}: {}", error.hint());
        }
        let silent = explained(418, "");
        assert_eq!(silent.retryability(), Permanent);
        assert!(silent.to_string().ends_with("without a message from Vault (418)"), "{silent}");
    }

    #[test]
    fn the_message_is_one_line_of_bounded_length() {
        let error = explained(403, "1 error occurred:\n\t* permission denied\n\n");
        assert!(error.to_string().ends_with("(403: 1 error occurred: permission denied)"), "{error}");
        assert!(explained(500, &"x".repeat(9999)).to_string().len() < LONGEST_MESSAGE + 100);
    }

    #[test]
    fn an_answer_of_another_server_is_never_quoted() {
        let content = Some("<html>hush</html>".to_owned());
        let source = RestError::ServerResponseError { code: 502, content };
        let call = KvCall { action: "read", capability: "read", path: "secret/data/x" };
        let error = call.failed(VaultError::of(ClientError::RestClientError { source }));
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        assert!(!format!("{error:?}").contains("hush") && error.to_string().contains("(502)"), "{error:?}");
        let error = call.failed(VaultError::of(ClientError::ResponseDataEmptyError));
        assert!(error.hint().contains("VAULT_ADDR"), "{}", error.hint());
    }
}
