//! One schedule: the actors of a scene, run step by step as a chooser decides.
//!
//! Every call of a port waits at the gate of the world, before its effect. The effect and the delivery of its answer are
//! one step: what another actor does between them is the same as what it does before the actor's next call, because an
//! actor touches the world by calls only. Where the difference can be seen, it is a choice of its own: an answer that is
//! lost, a request that is carried out late, an actor that is killed before its next call.
//!
//! Time is tokio's paused clock. It moves when every actor waits for it, or when a choice lets a call take longer than
//! another actor's wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::actors::{self, Actor, ActorResult};
use crate::engine::{self, Nodes};
use crate::ports::Port;
use crate::scene::{Flavour, Role, Scene};
use crate::world::{Call, Class, How, LATEST, MOST_ACTORS, State, World};

/// The actor of the undisturbed rotation.
const LAST: usize = MOST_ACTORS - 1;
/// Longer than any lease, wait or late request, and than the time in which a rejected token counts as not yet propagated.
const SETTLED: Duration = Duration::from_secs(900);
/// The longest time that passes in one step.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest time that passes in one step while a call of the engine waits.
const SLOW_CALL: Duration = Duration::from_secs(9);
/// A schedule with more steps than this does not end.
const MOST_STEPS: usize = 2_000;

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The call with this index proceeds.
    Call(usize, How),
    /// Time passes until an actor's wait ends.
    Time,
    /// A late request is carried out.
    Late(usize),
    Kill(usize),
    /// The actor is killed; the call with this index, which it has sent, is carried out later.
    KillLate(usize),
    Interrupt(usize),
}

/// A choice, and what it costs: preemptions and faults.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub choice: Choice,
    pub preemptions: u8,
    pub faults: u8,
}

/// Decides at each choice point, and gets the state's hash there.
pub trait Chooser {
    /// Returns the index of the option to take; `None` ends the schedule here.
    fn choose(&mut self, options: &[Move], hash: impl FnOnce() -> u64) -> Option<usize>;

    /// Whether the end of a schedule in this state was checked before.
    fn is_end_known(&mut self, hash: u64) -> bool;
}

/// How a schedule ended.
#[derive(Debug)]
pub struct Outcome {
    pub violation: Option<String>,
    pub log: Vec<String>,
}

struct Flag {
    is_ready: AtomicBool,
    waker: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_ready.store(true, Ordering::Relaxed);
        self.waker.wake_by_ref();
    }
}

struct Task {
    actor: Option<Actor>,
    role: Role,
    flag: Arc<Flag>,
    waker: Waker,
}

struct Schedule {
    world: Arc<World>,
    /// The nodes of a secrets engine.
    nodes: Option<Arc<Nodes>>,
    tasks: Vec<Task>,
    /// The actor that proceeded last.
    last: usize,
    options: Vec<Move>,
}

/// Runs one schedule. Must run on a current-thread runtime with a paused clock, and unconstrained.
pub async fn run(scene: Scene, chooser: &mut impl Chooser, is_logged: bool) -> Outcome {
    let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
    let world = World::new(scene, is_logged);
    let nodes = match scene.flavour {
        Flavour::Engine => Some(engine::start(&world).await),
        _ => None,
    };
    let actor = |index, role| match &nodes {
        Some(nodes) => engine::actor(nodes, index, role),
        None => actors::actor(&world, index, role),
    };
    let tasks = scene.cast.iter().enumerate().map(|(index, role)| task(actor(index, *role), *role, &waker)).collect();
    let mut schedule = Schedule { world, nodes, tasks, last: 0, options: Vec::new() };
    if schedule.explore(chooser).await {
        schedule.end(chooser).await;
    }
    let mut state = schedule.world.state.lock();
    Outcome { violation: state.violation.take(), log: state.log.take().unwrap_or_default() }
}

fn task(actor: Actor, role: Role, waker: &Waker) -> Task {
    let flag = Arc::new(Flag { is_ready: AtomicBool::new(true), waker: waker.clone() });
    Task { actor: Some(actor), role, waker: Waker::from(flag.clone()), flag }
}

impl Schedule {
    /// Runs the actors to their ends. Returns whether the end has to be checked.
    async fn explore(&mut self, chooser: &mut impl Chooser) -> bool {
        for _ in 0..MOST_STEPS {
            self.poll_ready();
            if self.world.state.lock().violation.is_some() {
                return false;
            }
            self.find_options();
            if self.options.is_empty() {
                return true;
            }
            let world = &self.world;
            let last = self.last as u64;
            let hash = || crate::hash::mix(world.state.lock().hash(world.now()), last);
            let Some(chosen) = chooser.choose(&self.options, hash) else { return false };
            let Move { choice, faults, .. } = self.options[chosen];
            self.world.state.lock().faults += faults;
            self.take(choice).await;
        }
        self.world.state.lock().violate("the schedule does not end");
        false
    }

    fn poll_ready(&mut self) {
        for index in 0..self.tasks.len() {
            while self.tasks[index].flag.is_ready.swap(false, Ordering::Relaxed) {
                self.poll(index);
            }
        }
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let Some(actor) = &mut task.actor else { return };
        self.world.state.lock().polled = index;
        // The jitter of the engine's retries: a fixed one makes a schedule repeatable.
        fastrand::seed(0);
        let mut context = Context::from_waker(&task.waker);
        let Poll::Ready(end) = actor.as_mut().poll(&mut context) else { return };
        task.actor = None;
        let mut state = self.world.state.lock();
        if state.log.is_some() {
            state.note(format!("{} ends: {}", name(index, task.role), shown(&end)));
        }
    }

    /// Lists what may happen next. The first option costs nothing.
    fn find_options(&mut self) {
        self.options.clear();
        let mut state = self.world.state.lock();
        let now = self.world.now();
        while let Some(index) = state.late.iter().position(|late| now > late.sent + LATEST) {
            drop(state);
            self.world.run_late(index);
            state = self.world.state.lock();
        }
        let last_waits = state.calls.iter().any(|call| call.actor == self.last);
        let first =
            state.calls.iter().position(|call| call.actor == self.last).or((!state.calls.is_empty()).then_some(0));
        let waits_for_time = (0..self.tasks.len())
            .any(|index| self.tasks[index].actor.is_some() && !state.calls.iter().any(|call| call.actor == index));
        if let Some(first) = first {
            self.options.push(free(Choice::Call(first, How::Answered)));
        } else if waits_for_time {
            self.options.push(free(Choice::Time));
        }
        self.options.extend((0..state.late.len()).map(|index| free(Choice::Late(index))));
        let Some(first) = first else { return };
        let cost = u8::from(last_waits);
        let mut seen = vec![state.calls[first].actor];
        for (index, call) in state.calls.iter().enumerate().filter(|(index, _)| *index != first) {
            let is_own = call.actor == self.last;
            if is_own || !seen.contains(&call.actor) {
                seen.push(call.actor);
                self.options.push(Move { choice: Choice::Call(index, How::Answered), preemptions: cost, faults: 0 });
            }
        }
        if waits_for_time {
            self.options.push(Move { choice: Choice::Time, preemptions: 1, faults: 0 });
        }
        let actor = state.calls[first].actor;
        let role = self.tasks[actor].role;
        if role.is_rotator() {
            let fault = |choice| Move { choice, preemptions: 0, faults: 1 };
            self.options.extend(faults(&state, &state.calls[first], now).map(|how| fault(Choice::Call(first, how))));
            self.options.push(fault(Choice::Kill(actor)));
            if faults(&state, &state.calls[first], now).any(|how| how == How::Late) {
                self.options.push(fault(Choice::KillLate(first)));
            }
            if role == Role::Local && !state.is_interrupted[actor] {
                self.options.push(fault(Choice::Interrupt(actor)));
            }
        }
    }

    async fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Call(index, how) => {
                let actor = self.grant(index, how);
                self.last = actor;
                self.poll(actor);
            }
            Choice::Time => self.pass_time().await,
            Choice::Late(index) => {
                let mut state = self.world.state.lock();
                if state.log.is_some() {
                    let late = &state.late[index];
                    let what =
                        format!("{} is carried out late: {}", name(late.actor, self.tasks[late.actor].role), late.name);
                    state.note(what);
                }
                drop(state);
                self.world.run_late(index);
            }
            Choice::Kill(actor) => self.kill(actor),
            Choice::KillLate(index) => {
                let actor = self.grant(index, How::Late);
                self.poll(actor);
                self.kill(actor);
            }
            Choice::Interrupt(actor) => {
                self.note(format!("{} is interrupted, and rolls back", name(actor, self.tasks[actor].role)));
                let mut state = self.world.state.lock();
                state.is_interrupted[actor] = true;
                state.excuse_abandoned(actor);
                let is_staging = state.calls.iter().any(|call| call.actor == actor && call.name == "stage");
                if is_staging || state.was_stage_refused[actor] {
                    // A token that the interrupted write may have stored is kept.
                    state.platform.excuse(actor);
                }
                drop(state);
                self.poll(actor);
            }
        }
    }

    fn kill(&mut self, actor: usize) {
        if let Some(nodes) = &self.nodes {
            self.note(format!("the process of {} is killed", name(actor, self.tasks[actor].role)));
            nodes.kill(actor);
            // Every request of the process ends, also one that waits for another.
            self.tasks.iter().for_each(|task| task.flag.is_ready.store(true, Ordering::Relaxed));
            return;
        }
        self.note(format!("{} is killed", name(actor, self.tasks[actor].role)));
        self.tasks[actor].actor = None;
        let mut state = self.world.state.lock();
        state.platform.excuse(actor);
        state.is_killed[actor] = true;
        state.excuse_dropped();
        state.excuse_abandoned(actor);
    }

    fn grant(&self, index: usize, how: How) -> usize {
        let mut state = self.world.state.lock();
        let Call { actor, name: call, .. } = state.calls[index];
        if state.log.is_some() {
            let what = match how {
                How::Answered => "",
                How::AnswerLost => ", and the answer is lost",
                How::Late => ": no answer, and the request is carried out later",
                How::Throttled => ": throttled",
                How::Refused => ": refused",
                How::StaleKey => ": a stale answer",
                How::StaleTogether => ": a stale answer, as to its next reads",
            };
            let now = self.world.now();
            state.now = now;
            let line = format!("{}: {call}{what}", name(actor, self.tasks[actor].role));
            state.note(line);
        }
        state.grant(index, how);
        if how == How::StaleTogether {
            // Reads that stay stale for longer than the retries make a rotator start over, and take the label from a version
            // that it does not see.
            state.is_excused.fill(true);
        } else if how == How::Refused && call == "stage" {
            // An earlier attempt may have been carried out.
            state.was_stage_refused[actor] = true;
        } else if how == How::Refused && call == "read current" {
            // Whether readers read a staged token is unknown: it is kept.
            state.is_excused.fill(true);
        } else if how != How::Answered && state.is_interrupted[actor] {
            // An interrupted rotator that cannot read what it stored keeps it.
            state.is_excused[actor] = true;
        }
        actor
    }

    fn note(&self, line: String) {
        let mut state = self.world.state.lock();
        if state.log.is_some() {
            state.now = self.world.now();
            state.note(line);
        }
    }

    /// Waits until a timer wakes an actor.
    async fn pass_time(&self) {
        let is_ready = poll_fn(|_| match self.tasks.iter().any(|task| task.flag.is_ready.load(Ordering::Relaxed)) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        let is_engine = self.nodes.is_some() && !self.world.state.lock().calls.is_empty();
        // A request to the engine may wait for another one, for which no timer wakes it. A call takes less than its timeout.
        drop(tokio::time::timeout(if is_engine { SLOW_CALL } else { LONGEST_WAIT }, is_ready).await);
    }

    /// Carries out what is late, lets time pass, and rotates once more, undisturbed.
    async fn end(&mut self, chooser: &mut impl Chooser) {
        let known = self.world.state.lock().hash_of_end();
        if chooser.is_end_known(known) || self.world.state.lock().is_secret_lost() {
            return;
        }
        tokio::time::sleep(SETTLED).await;
        self.note("undisturbed:".to_owned());
        let is_service = self.world.state.lock().scene.cast.contains(&Role::Service);
        {
            let mut state = self.world.state.lock();
            (state.is_undisturbed, state.polled) = (true, LAST);
        }
        let end = match &self.nodes {
            Some(nodes) => engine::undisturbed(nodes).await,
            None => actors::undisturbed(Port { world: self.world.clone(), actor: LAST }, is_service).await,
        };
        let mut state = self.world.state.lock();
        match end {
            Ok(()) => state.check_end(),
            Err(error) => state.violate(format!("an undisturbed rotation fails: {}: {error}", error.kind())),
        }
    }
}

fn free(choice: Choice) -> Move {
    Move { choice, preemptions: 0, faults: 0 }
}

/// The faults that a call can meet.
fn faults(state: &State, call: &Call, now: u64) -> impl Iterator<Item = How> {
    let flavour = state.scene.flavour;
    let is_remote = matches!(flavour, Flavour::Aws | Flavour::Kv);
    let can_be_stale = state.store.stale(now).is_some();
    let candidates: &'static [How] = match call.class {
        Class::StoreRead if flavour == Flavour::Engine => &[How::Refused],
        Class::StoreRead if can_be_stale => &[How::Throttled, How::Refused, How::StaleKey, How::StaleTogether],
        Class::StoreRead if flavour != Flavour::File => &[How::Throttled, How::Refused],
        Class::StoreWrite if is_remote => &[How::AnswerLost, How::Late, How::Throttled, How::Refused],
        Class::StoreWrite if flavour == Flavour::Engine => &[How::AnswerLost, How::Refused],
        Class::StoreWrite if flavour == Flavour::Plugin => &[How::AnswerLost, How::Throttled, How::Refused],
        Class::StoreRead | Class::StoreWrite => &[How::Refused],
        Class::PlatformWrite => &[How::AnswerLost, How::Late, How::Throttled],
        Class::PlatformRead => &[How::Throttled],
        Class::Sound => &[],
    };
    candidates.iter().copied()
}

fn name(index: usize, role: Role) -> String {
    format!("{} ({role:?})", (b'A' + index as u8) as char)
}

fn shown(end: &ActorResult) -> String {
    match end {
        Ok(()) => "success".to_owned(),
        Err(error) => format!("error {}: {error}", error.kind()),
    }
}
