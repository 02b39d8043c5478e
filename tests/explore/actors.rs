//! The actors: rotators that run the production code, and an operator.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use genesys_rotator::rotation::{
    Deadline, ErrorKind, Result, RetryPolicy, RotationError, Rotator, SecretId, StagedBy, Step, StepOutcome,
    StepRequest, VersionId,
};

use crate::platform::Death;
use crate::ports::Port;
use crate::scene::{Mode, Role};
use crate::store::{IS_CURRENT, IS_PENDING};
use crate::value::SECRET;
use crate::world::{Class, State, World};

/// How long an invocation of the function, or a command, may take.
const TIME: Duration = Duration::from_secs(60);
/// How often Secrets Manager runs the steps of one rotation.
const ATTEMPTS: usize = 2;
/// The id of the rotation that the service and its retry work on.
const SHARED: &str = "service-version-0000000000000000";

/// What an actor's work ended with.
pub type ActorResult = Result<()>;
pub type Actor = Pin<Box<dyn Future<Output = ActorResult> + Send>>;

/// The actor in a role.
pub fn actor(world: &Arc<World>, index: usize, role: Role) -> Actor {
    let port = Port { world: world.clone(), actor: index };
    match role {
        Role::Service => Box::pin(service(port, VersionId::from_store(SHARED), ATTEMPTS)),
        Role::Local => Box::pin(local(port)),
        _ => Box::pin(operator(port, role)),
    }
}

fn rotator(port: &Port) -> Rotator<Port, Port, Port> {
    // A fixed jitter makes a schedule repeatable.
    let retries = RetryPolicy { jitter: || 0.5, ..RetryPolicy::default() };
    Rotator::new(port.clone(), port.clone(), port.clone()).with_retries(retries)
}

/// One command. After an interruption, it rolls back.
async fn local(port: Port) -> ActorResult {
    let rotator = rotator(&port);
    let fresh = VersionId::from_store(format!("local-{}-000000000000000000000000", port.actor));
    let secret = SecretId::new(SECRET);
    let report = {
        let rotate = rotator.rotate(&secret, fresh, Deadline::after(TIME), |_| {});
        until_interrupted(&port, rotate).await
    };
    let Some(report) = report else {
        rotator.roll_back(Deadline::after(TIME)).await;
        return Err(RotationError::new(ErrorKind::DeadlineExceeded, "interrupted"));
    };
    match (report.error, report.version) {
        (None, Some(version)) => {
            port.world.state.lock().on_success(&version);
            Ok(())
        }
        (error, _) => Err(error.expect("an error or a version")),
    }
}

/// Runs a future until it ends or the actor is interrupted; then the future is dropped.
async fn until_interrupted<T>(port: &Port, work: impl Future<Output = T>) -> Option<T> {
    let mut work = Box::pin(work);
    std::future::poll_fn(|context| {
        if port.world.state.lock().is_interrupted[port.actor] {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// A rotation that Secrets Manager drives: each step is an invocation of its own.
pub async fn service(port: Port, fresh: VersionId, attempts: usize) -> ActorResult {
    let version = port
        .world
        .call(port.actor, Class::Sound, "RotateSecret", move |state| {
            if state.store.rotation_enabled == Some(false) {
                return Err(RotationError::new(ErrorKind::RotationDisabled, "cancelled"));
            }
            state.store.rotation_enabled = Some(true);
            Ok(state.store.begin(&fresh, state.actor))
        })
        .await?;
    let request = StepRequest {
        secret: SecretId::new(SECRET),
        version,
        rotation_token: Some("rotation-token".into()),
        staged_by: StagedBy::Service,
    };
    let mut result = Ok(());
    for _ in 0..attempts {
        result = steps(&port, &request).await;
        if result.is_ok() {
            let mut state = port.world.state.lock();
            state.on_success(&request.version);
            let promoted = state.store.versions.iter_mut().find(|version| version.id == request.version);
            promoted
                .into_iter()
                .filter(|version| version.labels & IS_CURRENT != 0)
                .for_each(|version| version.labels &= !IS_PENDING);
            break;
        }
    }
    result
}

async fn steps(port: &Port, request: &StepRequest) -> ActorResult {
    for step in Step::ALL {
        let mark = |what: String| {
            let mut state = port.world.state.lock();
            if state.log.is_some() {
                state.note(what);
            }
        };
        mark(format!("  {step}"));
        let done = rotator(port).step(step, request, Deadline::after(TIME)).await;
        match done {
            Ok(report) if report.outcome == StepOutcome::SetUpTested => {
                return Err(RotationError::new(ErrorKind::StoreConflict, "the staged version holds no new token"));
            }
            Ok(report) => mark(format!("  {step} -> {}", report.outcome.name())),
            Err(error) => {
                mark(format!("  {step} -> error {}: {error}", error.kind()));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The rotation at the end, which nothing disturbs. The service may need to drop what an earlier rotation left.
pub async fn undisturbed(port: Port, is_service: bool) -> ActorResult {
    if !is_service {
        return local(port).await;
    }
    port.world.state.lock().store.rotation_enabled = Some(true);
    let mut result = Ok(());
    for attempt in 0..3 {
        let fresh = VersionId::from_store(format!("undisturbed-{attempt}-00000000000000000000"));
        result = service(port.clone(), fresh, 1).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn operator(port: Port, role: Role) -> ActorResult {
    let call = |name: &'static str, effect: fn(&mut State) -> Result<()>| {
        port.world.call(port.actor, Class::Sound, name, effect)
    };
    match role {
        Role::Edit => {
            call("the operator edits the field note", |state| {
                state.edit("note", "1");
                Ok(())
            })
            .await
        }
        Role::Regenerate => {
            call("the operator regenerates the client secret", |state| {
                state.regenerate_by_hand();
                Ok(())
            })
            .await?;
            call("the operator stores the new client secret", |state| {
                state.store_by_hand();
                Ok(())
            })
            .await
        }
        Role::Unstage => {
            call("the operator removes the pending label", |state| {
                state.unstage_by_hand();
                Ok(())
            })
            .await
        }
        Role::Cancel => {
            call("the operator cancels the rotation", |state| {
                state.store.rotation_enabled = Some(false);
                Ok(())
            })
            .await
        }
        _ => Ok(()),
    }
}

impl State {
    /// The operator removes the pending label. The version keeps its value, and its token stays alive with it.
    fn unstage_by_hand(&mut self) {
        let staged = self.store.versions.iter_mut().find(|version| version.labels & IS_PENDING != 0);
        let Some(staged) = staged else { return };
        staged.labels &= !IS_PENDING;
        let Some(value) = staged.value.clone() else { return };
        self.platform.excuse_stored(&value.token, &value.id);
    }

    /// The operator gives the client in use a new secret, or the user a new access key.
    fn regenerate_by_hand(&mut self) {
        let id = self.store.current_value().id.clone();
        let (actor, now) = (self.actor, self.now);
        self.operator_key = match self.scene.mode {
            Mode::AccessKeys => Some(self.platform.add_key(actor, now)),
            _ => {
                let secret = self.platform.replace_secret(&id, actor, now, Death::RegeneratedByHand);
                Some((id, secret))
            }
        };
        self.operator_gap = self.scene.mode != Mode::AccessKeys;
        self.check_reader();
    }

    /// The operator stores what was regenerated, and deletes the former access key.
    fn store_by_hand(&mut self) {
        let Some((id, secret)) = self.operator_key.take() else { return };
        self.store_secret(&id, &secret);
    }
}
