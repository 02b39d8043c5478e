//! The lease of a rotation that makes client secrets or access keys.
//!
//! Two rotations that make secrets at the same time invalidate each other's. So createSecret and finishSecret hold the
//! secret's lease while they read, regenerate and promote. A crash leaves the lease to its end.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use crate::rotation::document::fields::Document;
use crate::rotation::eligibility::{check_is_current, no_current_value};
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{StoredValue, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::StepRequest;
use crate::rotation::tokens::admin::LATE;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, Description, LEASE, VersionId};
use crate::rotation::version::preflight::Readiness;
use crate::secret::{SecretString, same};

/// The length of a lease. Its holder sends nothing in the last part, because a request may be carried out late.
const TERM: Duration = Duration::from_secs(45);
/// The wait between two attempts to take the lease.
const POLL: Duration = Duration::from_millis(500);
/// The first part of a holder's id. The end of the lease in Unix seconds and a random id follow.
const PREFIX: &str = "lease-";

/// A lease that this rotation holds.
pub(crate) struct HeldLease {
    holder: VersionId,
    /// The version that the lease rested on, or the holder of a lease that has ended.
    seen: Option<VersionId>,
    /// The end of the time in which the holder may send requests.
    sending: Deadline,
}

/// Whether a rotation of this document makes a client secret or an access key.
fn makes_secret(current: &SecretString) -> bool {
    Document::parse(current).and_then(|document| document.secret_rotation()).is_ok_and(|rotation| rotation.is_some())
}

/// A secret whose version has work left, as one read returned it.
pub(crate) struct SecretState {
    pub(crate) described: Description,
    pub(crate) current: StoredValue,
    pub(crate) staged: Option<SecretString>,
    /// The lease, if the step needs it.
    pub(crate) lease: Option<HeldLease>,
}

impl SecretState {
    /// The time in which the step may send requests that must end with the lease.
    pub(crate) fn sending(&self, deadline: Deadline) -> Deadline {
        self.lease.as_ref().map_or(deadline, |lease| lease.sending)
    }

    /// Returns whether the current value was changed since createSecret, which leaves the lease on the version that it
    /// works from.
    pub(crate) fn shows_edit(&self) -> bool {
        let rested_on = self.lease.as_ref().and_then(|lease| lease.seen.as_ref()).filter(|seen| end_of(seen).is_none());
        rested_on.is_some_and(|seen| self.described.holder(CURRENT) != Some(seen))
    }
}

/// Reads the description, the current value and the staged value at the same time, and takes the lease if the document
/// needs it and `needs_lease` holds. Returns the description alone if the version is promoted.
pub(crate) async fn read(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    preflight: fn(&Description, &StepRequest) -> Result<Readiness>,
    needs_lease: fn(&SecretState) -> bool,
    deadline: Deadline,
) -> Result<std::result::Result<SecretState, Description>> {
    loop {
        let (described, current, staged) = tokio::join!(
            rotator.store.describe(&request.secret),
            rotator.store.read(&request.secret, VersionSelector::Current),
            staged_value(rotator, request),
        );
        let described = described?;
        if preflight(&described, request)? == Readiness::AlreadyCurrent {
            return Ok(Err(described));
        }
        let current = current?.filter(|_| described.holder(CURRENT).is_some());
        let current = current.ok_or_else(|| no_current_value(&described))?;
        check_is_current(&described, current.version.as_ref())?;
        let state = SecretState { described, current, staged: staged?, lease: None };
        if !needs_lease(&state) || !makes_secret(&state.current.text) {
            return Ok(Ok(state));
        }
        let Some(lease) = take(rotator, request, &state.described, deadline).await? else { continue };
        let state = SecretState { lease: Some(lease), ..state };
        if is_still_current(rotator, request, &state.current, state.sending(deadline)).await? {
            return Ok(Ok(state));
        }
        release(rotator, request, &state, Ok(None), deadline).await;
    }
}

/// The lease shows that the description is not outdated. A value without a version may be older than the description, so
/// it is read again.
async fn is_still_current(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    read: &StoredValue,
    deadline: Deadline,
) -> Result<bool> {
    if read.version.is_some() {
        return Ok(true);
    }
    let now = rotator.read("read the secret again", &request.secret, VersionSelector::Current, deadline).await?;
    Ok(now.is_some_and(|now| same(&now, &read.text)))
}

/// Reads the staged value.
pub(crate) async fn staged_value(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
) -> Result<Option<SecretString>> {
    let read = rotator.store.read(&request.secret, VersionSelector::Pending(&request.version)).await?;
    Ok(read.map(|stored| stored.text))
}

/// Takes the lease that `described` shows. Returns `None` after a wait if another rotation holds it.
///
/// # Errors
/// `StoreConflict` if another rotation holds it for longer than the deadline allows; otherwise as for staging.
async fn take(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    deadline: Deadline,
) -> Result<Option<HeldLease>> {
    let (now, seen) = (rotator.clock.now(), described.holder(LEASE));
    let held_until = seen.and_then(end_of).filter(|end| *end > now);
    if held_until.is_none() {
        let end = now.as_second() + TERM.as_secs() as i64;
        let holder = VersionId::from_store(format!("{PREFIX}{end}-{}", VersionId::random()));
        let (sending, token) = (deadline.at_most(TERM - LATE), request.rotation_token.as_ref());
        let take = || async {
            match rotator.store.take_lease(&request.secret, &holder, seen, token).await {
                Err(error) if error.kind() == ErrorKind::StoreConflict => Ok(false),
                taken => taken.map(|()| true),
            }
        };
        if rotator.retries.run("take the lease", sending, take).await? {
            return Ok(Some(HeldLease { holder, seen: seen.cloned(), sending }));
        }
    }
    if !deadline.allows(2 * POLL) {
        return Err(is_held(described, held_until));
    }
    tracing::info!("another rotation of this secret is in progress: waiting for its lease");
    sleep(POLL).await;
    Ok(None)
}

/// Leaves the lease on a version after a success, and where it was before after a failure. If a request was not answered,
/// it may still be carried out: the lease then lasts to its end.
pub(crate) async fn release(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    state: &SecretState,
    done: std::result::Result<Option<&VersionId>, &RotationError>,
    deadline: Deadline,
) {
    let Some(HeldLease { holder, seen, .. }) = &state.lease else { return };
    let version = match done {
        Ok(version) => version,
        Err(error) if matches!(error.kind(), ErrorKind::PlatformUnavailable | ErrorKind::DeadlineExceeded) => return,
        Err(_) => None,
    };
    let Some(version) = version.or(seen.as_ref()).or(state.described.holder(CURRENT)) else { return };
    let release = || rotator.store.release_lease(&request.secret, holder, version);
    if let Err(error) = rotator.retries.run("release the lease", deadline.for_half_the_cleanup(), release).await {
        let kind = error.kind().name();
        tracing::warn!(error.r#type = kind, "the lease could not be released and ends by itself: {}", error.chain());
    }
}

fn is_held(described: &Description, until: Option<Timestamp>) -> RotationError {
    let until = until.map(|end| format!(" until {end}")).unwrap_or_default();
    let message = format!("another rotation of the secret {} holds its lease{until}", described.name);
    RotationError::new(ErrorKind::StoreConflict, message)
        .with_hint("rotate again after that: a rotation that makes a client secret or an access key runs alone")
}

/// Returns the end of the lease; `None` for a version that the lease rests on.
fn end_of(holder: &VersionId) -> Option<Timestamp> {
    let (end, _) = holder.as_str().strip_prefix(PREFIX)?.split_once('-')?;
    Timestamp::from_second(end.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_names_the_end_of_its_lease() {
        let end = |id: &str| end_of(&VersionId::from_store(id)).map(Timestamp::as_second);
        assert_eq!(end("lease-1795280000-6669da05-b1c8-4f49-97d9-c8e5bed98e20"), Some(1_795_280_000));
        for id in ["6669da05-b1c8-4f49-97d9-c8e5bed98e20", "lease-", "lease-x-y", "lease-1", "kv-version-1"] {
            assert_eq!(end(id), None, "{id}");
        }
    }
}
