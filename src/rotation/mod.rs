//! The rotation itself: four steps over two ports, and nothing of HTTP, AWS or Genesys Cloud.
//!
//! A [`Rotator`] takes the client credentials out of a secret's current version, exchanges them
//! with a [`TokenIssuer`], stages the document with the new token in the [`SecretStore`], proves
//! that the token works, and only then promotes it. What readers read is always complete and was
//! valid when it was promoted; every step may run twice, late, or beside itself.
//!
//! The files are in the order of reading: `step`, `preflight`, then one file per step
//! (`create`, `set`, `test`, `finish`), `run` for all four in one process, `check` for none, and
//! `diagnose` for what another process makes of them.

mod access_keys;
mod ahead;
mod check;
mod clock;
mod create;
mod credential_source;
mod credentials;
mod diagnose;
mod document;
mod error;
mod finish;
mod held;
mod issuer;
mod place;
mod plan;
mod platform_name;
mod preflight;
mod probe;
mod renew;
mod retry;
mod rotator;
mod run;
mod schedule;
mod set;
mod step;
mod store;
mod test;
mod token_duration;
mod tokens;
mod version;

pub use access_keys::KeyOwner;
pub use check::{AdminAccess, AdminTarget, CheckReport, CheckStage};
pub use clock::{Clock, SystemClock};
pub use credential_source::{CredentialSource, Keys};
pub use credentials::{Credentials, CxoneGrant, KeyPair};
pub use diagnose::Diagnosis;
pub use document::{Document, LARGEST_VALUE};
pub use error::{ErrorKind, Result, Retryability, RotationError};
pub use held::{HeldToken, SpareToken};
pub use issuer::{IssuedToken, TokenIssuer};
pub use place::{CxoneLogin, CxonePlace, Place};
pub use plan::{SecretRotation, TokenKind};
pub use platform_name::{PlatformName, shown};
pub use preflight::{Readiness, preflight};
pub use probe::{Probe, is_plain_path};
pub use retry::{Deadline, RetryPolicy};
pub use rotator::Rotator;
pub use run::{RotationReport, StepRecord};
pub use schedule::RotationRules;
pub use step::{StagedBy, Step, StepOutcome, StepReport, StepRequest, TokenLife};
pub use store::{SecretStore, Staged, Wanted};
pub use token_duration::{LONGEST_DURATION, RaiseReport, Raised, sufficient_duration};
pub use tokens::Tokens;
pub use version::{AHEAD, CURRENT, Description, LabelledVersion, PENDING, PREVIOUS, SecretId, VersionId};
