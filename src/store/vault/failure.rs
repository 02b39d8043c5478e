//! What went wrong with a call to Vault.
//!
//! The client's own errors are never kept as causes: they hold the answer's body, and say nothing of Vault's words.

use rustify::errors::ClientError as RestError;
use vaultrs::error::ClientError;

use crate::connection::Peer;
use crate::rotation::{ErrorKind, RotationError};

/// The longest that Vault's own words may be, in characters.
const LONGEST_WORDS: usize = 300;

/// The result of a call.
pub(super) type Refused<T> = Result<T, Refusal>;

/// Why a call did not succeed.
pub(super) enum Refusal {
    /// An answer, but no good one.
    Answer {
        status: u16,
        /// Vault's own words; empty where it has none.
        texts: String,
        /// The answer; it may hold anything, so it is never printed.
        body: String,
    },
    /// No answer.
    Unreachable(reqwest::Error),
    /// An answer that is not Vault's.
    Unreadable,
}

/// A call, for the sentence about it.
pub(super) struct KvCall<'a> {
    pub(super) action: &'static str,
    /// What a policy must allow, as it stands between quotation marks there.
    pub(super) capability: &'static str,
    /// The path in the API.
    pub(super) path: &'a str,
}

impl Refusal {
    pub(super) fn of(error: ClientError) -> Self {
        match error {
            ClientError::APIError { code, errors } => {
                Self::Answer { status: code, texts: one_line(&errors.join("; ")), body: String::new() }
            }
            ClientError::RestClientError { source: RestError::ServerResponseError { code, content } } => {
                Self::Answer { status: code, texts: String::new(), body: content.unwrap_or_default() }
            }
            ClientError::RestClientError {
                source: RestError::RequestError { source, .. } | RestError::ResponseError { source },
            } => source.downcast().map_or(Self::Unreadable, Self::Unreachable),
            _ => Self::Unreadable,
        }
    }
}

impl KvCall<'_> {
    /// Explains a call that did not succeed.
    pub(super) fn failed(&self, refusal: Refusal) -> RotationError {
        let Self { action, path, .. } = self;
        let (status, texts) = match refusal {
            Refusal::Answer { status, texts, .. } => (status, texts),
            Refusal::Unreachable(error) => return unreachable(error),
            Refusal::Unreadable => return not_vault(&format!("the answer to {action} {path}")),
        };
        match status {
            403 => self.denied(&texts),
            404 => RotationError::new(ErrorKind::SecretNotFound, format!("there is no {path}{}", said(404, &texts)))
                .with_hint("check the mount, the path, VAULT_ADDR and VAULT_NAMESPACE"),
            400 if texts.contains("check-and-set") => {
                let message = format!("somebody else wrote {path} meanwhile{}", said(400, &texts));
                RotationError::new(ErrorKind::StoreConflict, message)
            }
            413 => RotationError::new(
                ErrorKind::DocumentInvalid,
                format!("{path} is too large for Vault{}", said(413, &texts)),
            ),
            _ => unanswered(&format!("the call to {action} {path}"), status, &texts),
        }
    }

    fn denied(&self, texts: &str) -> RotationError {
        let Self { action, capability, path } = self;
        let message = format!("Vault does not allow this login to {action} {path}{}", said(403, texts));
        let hint = format!(
            r#"add path "{path}" {{ capabilities = ["{capability}"] }} to its policy; a token that expired or was revoked, or another VAULT_NAMESPACE, gives the same answer"#
        );
        RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
    }
}

/// Explains a login that did not succeed.
pub(super) fn login_failed(refusal: Refusal, method: &str, mount: &str) -> RotationError {
    match refusal {
        Refusal::Answer { status: status @ (400 | 401 | 403 | 404), texts, .. } => {
            let message = format!("Vault refuses the {method} login at auth/{mount}{}", said(status, &texts));
            let hint = match method {
                "AppRole" => {
                    "check VAULT_ROLE_ID and VAULT_SECRET_ID (a secret id may expire or be used up), VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
                _ => {
                    "check VAULT_KUBERNETES_ROLE, what service accounts and namespaces that role is bound to, VAULT_AUTH_MOUNT and VAULT_NAMESPACE"
                }
            };
            RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
        }
        Refusal::Answer { status, texts, .. } => unanswered(&format!("the {method} login"), status, &texts),
        Refusal::Unreachable(error) => unreachable(error),
        Refusal::Unreadable => not_vault(&format!("the answer to the {method} login")),
    }
}

/// Statuses that say nothing of the call itself (Vault HTTP API, "HTTP status codes").
fn unanswered(what: &str, status: u16, texts: &str) -> RotationError {
    let unavailable = |message: String| RotationError::new(ErrorKind::StoreUnavailable, message);
    let said = said(status, texts);
    match status {
        429 => RotationError::new(ErrorKind::RateLimited, format!("Vault asks for fewer calls{said}"))
            .with_hint("wait and try again; a rate limit quota of Vault's may be too low for this"),
        503 if texts.contains("sealed") => unavailable(format!("Vault is sealed{said}"))
            .with_hint("unseal it (`bao operator unseal`, `vault operator unseal`), then try again"),
        412 | 500..=599 => unavailable(format!("Vault could not answer {what}{said}"))
            .with_hint("try again; if it stays, look at Vault's own log and at `bao status` or `vault status`"),
        300..=399 => {
            unavailable(format!("Vault answers {what} with a redirect{said}, which is not followed with a token"))
                .with_hint("set VAULT_ADDR to the active node, or to a load balancer that knows it")
                .permanent()
        }
        _ if texts.is_empty() => unavailable(format!("{what} was refused without Vault's words{said}"))
            .with_hint("check VAULT_ADDR (https where Vault serves https) and any proxy in between")
            .permanent(),
        _ => unavailable(format!("Vault refused {what}{said}")).with_hint("Vault's own words say why").permanent(),
    }
}

fn not_vault(what: &str) -> RotationError {
    let message = format!("{what} is not what Vault's KV version 2 answers");
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

fn said(status: u16, texts: &str) -> String {
    if texts.is_empty() { format!(" ({status})") } else { format!(" ({status}: {texts})") }
}

/// Vault breaks its longer messages into lines with bullets.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().filter(|word| *word != "*").collect();
    words.join(" ").chars().filter(|letter| !letter.is_control()).take(LONGEST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Retryability;

    fn explained(status: u16, texts: &str) -> RotationError {
        let refusal = Refusal::of(ClientError::APIError { code: status, errors: vec![texts.to_owned()] });
        KvCall { action: "read", capability: "read", path: "secret/data/x" }.failed(refusal)
    }

    #[test]
    fn each_status_has_its_kind_and_keeps_vaults_words() {
        use Retryability::{MaySettle, Permanent, Transient};
        for (status, texts, kind, retryability) in [
            (400, "check-and-set parameter did not match the current version", ErrorKind::StoreConflict, MaySettle),
            (400, "missing client token", ErrorKind::StoreUnavailable, Permanent),
            (403, "permission denied", ErrorKind::StoreDenied, Permanent),
            (404, "no handler for route", ErrorKind::SecretNotFound, Permanent),
            (307, "elsewhere", ErrorKind::StoreUnavailable, Permanent),
            (412, "required index state not present", ErrorKind::StoreUnavailable, Transient),
            (413, "request body too large", ErrorKind::DocumentInvalid, Permanent),
            (429, "request path quota exceeded", ErrorKind::RateLimited, Transient),
            (500, "internal error", ErrorKind::StoreUnavailable, Transient),
            (502, "bad gateway", ErrorKind::StoreUnavailable, Transient),
            (503, "Vault is sealed", ErrorKind::StoreUnavailable, Transient),
        ] {
            let error = explained(status, texts);
            assert_eq!((error.kind(), error.retryability()), (kind, retryability), "{status}");
            assert!(error.to_string().contains(&format!("({status}: {texts})")), "{error}");
            assert!(!error.hint().is_empty() && !error.hint().contains("AWS"), "{}", error.hint());
        }
    }

    #[test]
    fn vaults_words_are_one_line_of_bounded_length() {
        let error = explained(403, "1 error occurred:\n\t* permission denied\n\n");
        assert!(error.to_string().ends_with("(403: 1 error occurred: permission denied)"), "{error}");
        assert!(explained(500, &"x".repeat(9999)).to_string().len() < LONGEST_WORDS + 100);
    }

    #[test]
    fn an_answer_that_is_not_vaults_is_never_quoted() {
        let content = Some("<html>hush</html>".to_owned());
        let source = RestError::ServerResponseError { code: 502, content };
        let call = KvCall { action: "read", capability: "read", path: "secret/data/x" };
        let error = call.failed(Refusal::of(ClientError::RestClientError { source }));
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
        assert!(!format!("{error:?}").contains("hush") && error.to_string().contains("(502)"), "{error:?}");
        let error = call.failed(Refusal::of(ClientError::ResponseDataEmptyError));
        assert!(error.hint().contains("VAULT_ADDR"), "{}", error.hint());
    }
}
