//! The rotation: four steps over small ports, without HTTP, AWS, Vault or a command line.
//!
//! A [`Rotator`] reads the client credentials of a secret's current version, exchanges them for a token, stages the
//! document with the new token, validates the token, and only then promotes the version. Readers always get a complete
//! document whose token was valid at the promotion. Every step may run twice, late, or concurrently with itself.
//!
//! Read `step`, `version/preflight`, `steps/` and `ports/` first: they are the rotation.
//!
//! | module | content | may import |
//! |---|---|---|
//! | `run`, `operator` | all four steps in one process; operations of the command line | everything below |
//! | `steps` | create, set, test, finish, abandon | everything below |
//! | `renewal` | new client secrets and access keys | everything below |
//! | `rotator`, `eligibility`, `step` | what the steps work with; decisions; requests and reports | everything below |
//! | `tokens` | issue, validate, revoke, roll back; retries and rate limits | everything below |
//! | `ports` | store, platform, clock | everything below |
//! | `document` | the stored document | everything below |
//! | `credentials`, `version` | keys and places; labels, preflight, schedule | `error` |
//! | `error` | the error type | `secret` |

mod credentials;
mod document;
mod eligibility;
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

pub use credentials::adoption::Adoption;
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
pub use operator::adopt::SecretCreation;
#[cfg(feature = "operator")]
pub use operator::check::{AdminAccess, AdminTarget, CheckReport, CheckStage};
#[cfg(feature = "operator")]
pub use operator::client_state::{ClientChange, ClientState, ClientStates, FoundClient};
#[cfg(feature = "operator")]
pub use operator::current_token::{CurrentToken, SpareToken};
#[cfg(feature = "operator")]
pub use operator::diagnose::Diagnosis;
#[cfg(feature = "operator")]
pub use operator::end_token::{NamedId, TokenEnd, TokenOwner, TokenOwners};
#[cfg(feature = "operator")]
pub use operator::idle::{CurrentIdle, IdleReport, IdleTimeouts};
#[cfg(feature = "operator")]
pub use operator::observe::{Observation, Observe};
#[cfg(feature = "operator")]
pub use operator::revoke_previous::{OlderTokens, PreviousTokens, Revocation};
#[cfg(feature = "operator")]
pub use operator::token_duration::{LONGEST_DURATION, RaiseReport, Raised, TokenDuration, sufficient_duration};
pub use ports::admin::{AccessKeys, ClientSecrets};
pub use ports::clock::{Clock, SystemClock};
pub use ports::issuer::{TokenIssuer, not_offered};
pub use ports::lease::Lease;
pub use ports::store::{SecretStore, Staged, StoredValue, VersionSelector};
pub use ports::write_ahead::WriteAhead;
pub use ports::{RotationPlatform, RotationStore};
pub use rotator::Rotator;
pub use run::{RotationReport, StepRecord};
pub use step::{StagedBy, Step, StepOutcome, StepReport, StepRequest};
pub(crate) use tokens::admin::LATE;
#[cfg(feature = "vault")]
pub(crate) use tokens::exchange::NewToken;
pub use tokens::exchange::{Tokens, UNKNOWN_TOKEN_HINT};
pub use tokens::idle::{IdleEnd, KeepAlive};
pub use tokens::rate_limit::RateLimiter;
pub use tokens::retry::{Deadline, RetryPolicy};
#[cfg(feature = "vault")]
pub(crate) use tokens::rollback::UnrevokedTokens;
pub use tokens::rollback::{Rollback, Rollbacks};
pub use version::labels::{
    AHEAD, CURRENT, Description, LEASE, LabelledVersion, PENDING, PREVIOUS, SecretId, VersionId,
};
pub use version::preflight::{Readiness, preflight};
pub use version::schedule::RotationRules;
