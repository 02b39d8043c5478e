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

mod credentials;
mod document;
mod error;
#[cfg(feature = "operator")]
mod operator;
mod ports;
mod renewal;
mod rotator;
mod run;
mod step;
mod steps;
mod tokens;
mod version;

pub use credentials::keys::{Credentials, CxoneGrant, KeyOwner, KeyPair};
pub use credentials::place::{CxoneLogin, CxonePlace, Place};
pub use credentials::platform_name::{PlatformName, shown};
pub use credentials::token::{IssuedToken, TokenKind};
pub use document::credentials::{CredentialSource, Keys};
pub use document::fields::{Document, LARGEST_VALUE};
pub use document::plan::SecretRotation;
pub use document::probe::{Probe, is_plain_path};
pub use document::token_life::TokenLife;
pub use error::{ErrorKind, Result, Retryability, RotationError, error_chain};
#[cfg(feature = "operator")]
pub use operator::check::{AdminAccess, AdminTarget, CheckReport, CheckStage};
#[cfg(feature = "operator")]
pub use operator::current_token::HeldToken;
#[cfg(feature = "operator")]
pub use operator::diagnose::Diagnosis;
#[cfg(feature = "operator")]
pub use operator::revoke_previous::{Former, Revocation};
#[cfg(feature = "operator")]
pub use operator::token_duration::{LONGEST_DURATION, RaiseReport, Raised, sufficient_duration};
pub use ports::admin::{AccessKeys, ClientSecrets};
pub use ports::clock::{Clock, SystemClock};
pub use ports::issuer::{TokenIssuer, not_offered};
pub use ports::store::{SecretStore, Staged, StoredValue, VersionSelector};
#[cfg(feature = "operator")]
pub use ports::token_duration::TokenDuration;
pub use ports::write_ahead::WriteAhead;
pub use ports::{RotationPlatform, RotationStore};
pub use rotator::Rotator;
pub use run::{RotationReport, StepRecord};
pub use step::{StagedBy, Step, StepOutcome, StepReport, StepRequest};
pub use tokens::exchange::{SpareToken, Tokens};
pub use tokens::rate_limit::RateLimiter;
pub use tokens::retry::{Deadline, RetryPolicy};
pub use version::labels::{AHEAD, CURRENT, Description, LabelledVersion, PENDING, PREVIOUS, SecretId, VersionId};
pub use version::preflight::{Readiness, preflight};
pub use version::schedule::RotationRules;
