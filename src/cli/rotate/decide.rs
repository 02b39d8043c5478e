//! The decision whether a secret is rotated.

use jiff::Timestamp;

use crate::cli::target::source::Chosen;
use crate::cli::terminal::human_time::minute;
use crate::platform::Region;
use crate::rotation::{ErrorKind, PreviousTokens, RotationError};

/// Why a secret is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Reason {
    /// It matched, but holds no token that a rotation has written.
    Unrelated(String),
    /// Its token is newer than `--older-than`.
    Fresh(Timestamp),
    /// The interrupted run that this one resumes has rotated it.
    Done,
    /// The platform accepts its token, and names when it ends without another use, with `--keep-alive`.
    Accepted(Option<Timestamp>),
    /// A signal arrived before its rotation started.
    NotStarted,
}

impl Reason {
    /// The stable name in JSON output.
    pub(in crate::cli) fn name(&self) -> &'static str {
        match self {
            Self::Unrelated(_) => "unrelated",
            Self::Fresh(_) => "fresh",
            Self::Done => "done",
            Self::Accepted(_) => "accepted",
            Self::NotStarted => "not_begun",
        }
    }

    pub(in crate::cli) fn sentence(&self) -> String {
        match self {
            Self::Unrelated(why) => format!("unrelated: {why}"),
            Self::Fresh(issued_at) => format!("its token is newer than --older-than, issued {issued_at}"),
            Self::Done => "the interrupted run has rotated it".to_owned(),
            Self::Accepted(None) => "the platform accepts its token".to_owned(),
            Self::Accepted(Some(at)) => {
                format!("the platform accepts its token, which ends at {} UTC unless it is used", minute(*at))
            }
            Self::NotStarted => "not started".to_owned(),
        }
    }
}

/// What to do with a secret.
pub(in crate::cli) enum Decision {
    Rotate,
    /// Check it, and rotate it for the first time.
    RotateFirst,
    Skip(Reason),
    /// The decision is impossible, and skipping the secret silently would keep an old token alive.
    Fail(RotationError),
}

/// The rules of one run.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Rules {
    /// Whether documents that no rotation has written are rotated, after a check.
    pub(in crate::cli) includes_new: bool,
    /// Newer tokens are skipped.
    pub(in crate::cli) cutoff: Option<Timestamp>,
}

/// The tokens that a secret holds; `None` for a value that is no document and holds no token.
pub(in crate::cli) type Found = Result<Option<PreviousTokens>, RotationError>;

impl Rules {
    /// Decides by the tokens that the secret holds; `None` if it was not read.
    ///
    /// A named secret is rotated, and its rotation reports what is wrong with it. A listed secret is rotated only if it
    /// holds a token that a rotation has written, so that no unrelated credentials are sent to the platform.
    ///
    /// A token that was issued after `now` cannot be trusted to be new.
    pub(in crate::cli) fn decide(self, chosen: &Chosen, found: Option<&Found>, now: Timestamp) -> Decision {
        match found {
            Some(Ok(tokens)) if !chosen.is_confirmed() => match tokens {
                Some(tokens) if tokens.is_rotated() => {}
                Some(tokens) if self.includes_new && tokens.await_first_rotation(is_known_domain) => {
                    return Decision::RotateFirst;
                }
                Some(tokens) if tokens.holds_token() => return Decision::Fail(not_rotated()),
                _ => {
                    let why = "it holds no token that a rotation has written (if it should be rotated, rotate it once by its name)";
                    return Decision::Skip(Reason::Unrelated(why.to_owned()));
                }
            },
            Some(Err(error)) if !chosen.is_confirmed() => return of_unreadable(error),
            _ => {}
        }
        // ListSecrets may lag, and does not show that an older value was stored by hand: only the secret itself counts.
        let issued_at = found.and_then(|found| found.as_ref().ok()?.as_ref()?.issued_at());
        match (issued_at, self.cutoff) {
            (Some(issued_at), Some(cutoff)) if issued_at > cutoff && issued_at <= now => {
                Decision::Skip(Reason::Fresh(issued_at))
            }
            _ => Decision::Rotate,
        }
    }
}

/// Whether a region is a domain of Genesys Cloud, and not the name of a region of AWS.
fn is_known_domain(region: &str) -> bool {
    region.contains('.') && Region::parse(region).is_ok()
}

/// A token that a rotation did not write may belong to another system, or to a document that was damaged since.
fn not_rotated() -> RotationError {
    let message = "it holds access_token, but not all fields that a rotation writes: token_type, issued_at, expires_at, credentials";
    let hint = "if the token is one of the platform, rotate the secret by its name and revoke the token; if not, narrow the selection";
    RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint)
}

fn of_unreadable(error: &RotationError) -> Decision {
    match error.kind() {
        ErrorKind::NoCurrentVersion => Decision::Skip(Reason::Unrelated(error.to_string())),
        ErrorKind::StoreDenied => {
            let hint = format!("{}; or name the function that rotates it with --rotation-function", error.hint());
            let message = format!("cannot read the secret to find out whether it holds a token: {error}");
            Decision::Fail(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint))
        }
        _ => Decision::Fail(error.clone()),
    }
}
