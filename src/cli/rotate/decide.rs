//! Whether a secret is rotated at all.

use jiff::Timestamp;

use crate::cli::target::selection::Chosen;
use crate::rotation::{ErrorKind, PreviousTokens, RotationError};

/// Why a secret is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It matched, but is none of this program's.
    Unrelated(String),
    /// Its token is young enough.
    Fresh(Timestamp),
    /// This process was told to stop before.
    NotBegun,
}

impl Reason {
    /// The stable name in JSON output.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Unrelated(_) => "unrelated",
            Self::Fresh(_) => "fresh",
            Self::NotBegun => "not_begun",
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Unrelated(why) => format!("not one of ours: {why}"),
            Self::Fresh(issued_at) => format!("its token is young enough, issued {issued_at}"),
            Self::NotBegun => "not begun".to_owned(),
        }
    }
}

/// What is to be done with a secret.
pub(super) enum Decision {
    Rotate,
    Skip(Reason),
    /// It cannot be told, and to leave it out quietly would leave a token alive.
    Fail(RotationError),
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether the operator named the function, and so vouches for what it rotates.
    pub(super) is_vouched: bool,
    /// Younger tokens are left alone.
    pub(super) cutoff: Option<Timestamp>,
}

impl Rules {
    /// Decides by what the secret was found to hold; `None` where it was not looked at.
    ///
    /// A secret that was named is rotated, and whatever is wrong with it shows then. Of those that were listed only
    /// the ones that hold what a rotation has written are: nobody's credentials are sent anywhere by a guess.
    pub(super) fn decide(self, chosen: &Chosen, looked: Option<&Result<PreviousTokens, RotationError>>) -> Decision {
        let is_known = chosen.listed.is_none() || self.is_vouched;
        match looked {
            Some(Ok(former)) if !is_known && !former.is_rotated() => {
                let why = "it holds no token that a rotation has written (rotate it once by its name, if it is)";
                return Decision::Skip(Reason::Unrelated(why.to_owned()));
            }
            Some(Err(error)) if !is_known => return of_unreadable(error),
            _ => {}
        }
        let listed = chosen.listed.as_ref().and_then(|listed| listed.last_rotated);
        let issued_at = match looked {
            Some(Ok(former)) => former.issued_at(),
            _ => listed,
        };
        match (issued_at, self.cutoff) {
            (Some(issued_at), Some(cutoff)) if issued_at > cutoff => Decision::Skip(Reason::Fresh(issued_at)),
            _ => Decision::Rotate,
        }
    }
}

fn of_unreadable(error: &RotationError) -> Decision {
    match error.kind() {
        ErrorKind::DocumentInvalid | ErrorKind::NoCurrentVersion | ErrorKind::SecretNotFound => {
            Decision::Skip(Reason::Unrelated(error.to_string()))
        }
        ErrorKind::StoreDenied => {
            let hint = format!("{}; or name the function that rotates it, with --rotation-function", error.hint());
            let message = format!("it cannot be told whether it holds a token: {error}");
            Decision::Fail(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint))
        }
        _ => Decision::Fail(error.clone()),
    }
}
