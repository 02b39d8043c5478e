//! The lease of a rotation that makes client secrets or access keys.
//!
//! Two rotations that make secrets at the same time invalidate each other's. So createSecret and finishSecret hold the
//! secret's lease while they read, regenerate and promote. A crash leaves the lease to its end.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::eligibility::{check_is_current, no_current_value, why_outdated};
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
use crate::secret::SecretString;

/// The length of a lease. Its holder sends nothing in the last part, because a request may be carried out late.
const TERM: Duration = Duration::from_secs(45);
/// The least time that a holder needs. With less, the lease would last to its end without a result.
const LEAST: Duration = Duration::from_secs(12);
/// The wait between two attempts to take the lease.
const POLL: Duration = Duration::from_millis(500);
/// The first part of a holder's id. The end of the lease in Unix seconds, a random id, and the last characters of the
/// current version's id follow.
const PREFIX: &str = "lease-";
/// The number of these characters. With them, a holder's id has the 64 characters that Secrets Manager allows.
const BASE_LENGTH: usize = 10;
/// The number of characters of the random id.
const RANDOM_LENGTH: usize = 36;

/// A lease that this rotation holds.
pub(crate) struct HeldLease {
    holder: VersionId,
    /// The version that the lease rested on, or the holder of a lease that has ended.
    seen: Option<VersionId>,
    /// The end of the time in which the holder may send requests.
    sending: Deadline,
}

/// Whether a rotation of this document makes a client secret or an access key, or made the staged one.
fn makes_secret(state: &SecretState, is_adoption: bool) -> bool {
    let rotation = Document::parse(&state.current.text).and_then(|document| document.secret_rotation());
    match rotation.ok().flatten() {
        Some(SecretRotation::Adoption) => is_adoption || state.staged.is_some(),
        rotation => rotation.is_some(),
    }
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

    /// Returns whether the current value was changed since createSecret. That step leaves the lease on the version that
    /// it works from, or is interrupted and leaves a holder that names it.
    pub(crate) fn shows_edit(&self) -> bool {
        let Some(seen) = self.lease.as_ref().and_then(|lease| lease.seen.as_ref()) else { return false };
        let base = end_and_base(seen).map_or(seen.as_str(), |(_, base)| base);
        !current_id(&self.described).ends_with(base)
    }
}

/// What a version's secret is: its state, or its description alone if the version is promoted.
type Looked = std::result::Result<SecretState, Description>;

/// Reads the secret, and takes the lease if the document needs it and `needs_lease` holds. What is returned with a lease
/// was read under it.
pub(crate) async fn read(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    preflight: fn(&Description, &StepRequest) -> Result<Readiness>,
    needs_lease: fn(&SecretState) -> bool,
    deadline: Deadline,
) -> Result<Looked> {
    let mut is_waiting = false;
    loop {
        let state = match read_once(rotator, request, preflight).await? {
            Ok(state) if needs_lease(&state) && makes_secret(&state, rotator.adoption.is_some()) => state,
            other => return Ok(other),
        };
        let Some(lease) = take(rotator, request, &state.described, deadline).await? else {
            if !std::mem::replace(&mut is_waiting, true) {
                tracing::info!("another rotation of this secret is in progress: waiting for its lease");
            }
            continue;
        };
        let holder = lease.holder.clone();
        let held = SecretState { lease: Some(lease), ..state };
        let look = || async {
            let looked = read_once(rotator, request, preflight).await?;
            match &looked {
                Ok(state) if state.described.holder(LEASE) != Some(&holder) => Err(is_held(&state.described, None)),
                _ => Ok(looked),
            }
        };
        let looked = rotator.retries.run("read the secret again", held.sending(deadline), look).await;
        if let Ok(Ok(state)) = looked {
            if needs_lease(&state) {
                return Ok(Ok(SecretState { lease: held.lease, ..state }));
            }
            release(rotator, request, &held, None, None, deadline).await;
            return Ok(Ok(state));
        }
        release(rotator, request, &held, None, None, deadline).await;
        return looked;
    }
}

/// Reads the description, the current value and the staged value at the same time.
async fn read_once(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    preflight: fn(&Description, &StepRequest) -> Result<Readiness>,
) -> Result<Looked> {
    let describe = || rotator.store.describe(&request.secret);
    let read_current = || rotator.store.read(&request.secret, VersionSelector::Current);
    let (mut described, mut current, staged) = tokio::join!(describe(), read_current(), staged_value(rotator, request));
    if let (Ok(Some(read)), Ok(Some(staged))) = (&current, &staged)
        && why_outdated(staged, &read.text).is_some()
    {
        // The current value may have been read before the edit that another rotation staged this value after.
        (described, current) = tokio::join!(describe(), read_current());
    }
    let described = described?;
    if preflight(&described, request)? == Readiness::AlreadyCurrent {
        return Ok(Err(described));
    }
    let current = current?.filter(|_| described.holder(CURRENT).is_some());
    let current = current.ok_or_else(|| no_current_value(&described))?;
    check_is_current(&described, current.version.as_ref())?;
    Ok(Ok(SecretState { described, current, staged: staged?, lease: None }))
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
    let held_until = seen.and_then(end_and_base).map(|(end, _)| end).filter(|end| *end > now);
    if !deadline.allows(LEAST) {
        return Err(match held_until {
            Some(_) => is_held(described, held_until),
            None => RotationError::new(
                ErrorKind::DeadlineExceeded,
                "too little time is left: a rotation of client secrets or access keys needs 12 seconds",
            ),
        });
    }
    if held_until.is_none() {
        let end = now.as_second() + TERM.as_secs() as i64;
        let current = current_id(described);
        let base = current.get(current.len().saturating_sub(BASE_LENGTH)..).unwrap_or_default();
        let holder = VersionId::from_store(format!("{PREFIX}{end}-{}-{base}", VersionId::random()));
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
    sleep(POLL).await;
    Ok(None)
}

/// Leaves the lease on `version`, or where it was before. If the request that `error` is about was not answered, it may
/// still be carried out: the lease then lasts to its end.
pub(crate) async fn release(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    state: &SecretState,
    version: Option<&VersionId>,
    error: Option<&RotationError>,
    deadline: Deadline,
) {
    let Some(HeldLease { holder, seen, .. }) = &state.lease else { return };
    let is_unanswered = error.is_some_and(|error| match error.kind() {
        ErrorKind::StoreUnavailable | ErrorKind::DeadlineExceeded => true,
        // Only createSecret changes something on the platform.
        ErrorKind::PlatformUnavailable => state.staged.is_none(),
        _ => false,
    });
    let version = version.or(seen.as_ref()).or(state.described.holder(CURRENT));
    let Some(version) = version.filter(|_| !is_unanswered) else { return };
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

/// Returns the end of the lease and the last characters of the version that was current when it began; `None` for a
/// version that the lease rests on.
fn end_and_base(holder: &VersionId) -> Option<(Timestamp, &str)> {
    let (end, id) = holder.as_str().strip_prefix(PREFIX)?.split_once('-')?;
    let base = id.get(RANDOM_LENGTH + 1..).unwrap_or_default();
    Some((Timestamp::from_second(end.parse().ok()?).ok()?, base))
}

fn current_id(described: &Description) -> &str {
    described.holder(CURRENT).map(VersionId::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_names_the_end_of_its_lease_and_the_version_before() {
        for (id, expected) in [
            ("lease-1795280000-6669da05-b1c8-4f49-97d9-c8e5bed98e20-5bed98e20f", Some((1_795_280_000, "5bed98e20f"))),
            ("lease-1795280000-6669da05-b1c8-4f49-97d9-c8e5bed98e20-", Some((1_795_280_000, ""))),
            ("lease-1795280000-6669da05", Some((1_795_280_000, ""))),
            ("6669da05-b1c8-4f49-97d9-c8e5bed98e20", None),
            ("lease-", None),
            ("lease-x-y", None),
            ("lease-1", None),
            ("kv-version-1", None),
        ] {
            let id = VersionId::from_store(id);
            assert_eq!(end_and_base(&id).map(|(end, base)| (end.as_second(), base)), expected, "{id}");
        }
    }
}
