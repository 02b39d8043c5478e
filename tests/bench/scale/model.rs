//! A discrete-event model of a fleet: it replays the calls that were recorded of one rotation against the same quotas,
//! without its documents and its tasks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;
use genesys_rotator::rotation::RetryPolicy;

use crate::limits::{Call, Counts, Limits, Millis, SECOND};
use crate::real::{Groups, record_rotation, record_steps};
use crate::scenario::{ATTEMPTS, BETWEEN_ATTEMPTS, BETWEEN_INVOCATIONS, BETWEEN_STEPS, SEED, Scenario, Start};

/// The minimum wait after a refusal.
const REFUSED_WAIT: Millis = SECOND;

/// The calls of a rotation, recorded from the rotation itself.
pub struct Plan {
    fresh: Vec<Groups>,
    /// Of an attempt whose version is already staged.
    staged: Vec<Groups>,
    /// What createSecret does after its last refused write: it looks whether the write succeeded, and revokes the token.
    after_refused_stage: Groups,
    /// Of a rotation by the command line.
    whole: Vec<Groups>,
}

impl Plan {
    /// Records a plan. The runtime's clock must be paused.
    pub async fn record() -> Self {
        let (fresh, staged) = (record_steps(false, None).await, record_steps(true, None).await);
        let failed = record_steps(false, Some(Call::Stage)).await.swap_remove(0);
        let last = failed.iter().rposition(|group| group[..] == [Call::Stage]).expect("a write");
        let after_refused_stage = failed[last + 1..].to_vec();
        Self { fresh, staged, after_refused_stage, whole: vec![record_rotation().await] }
    }

    /// How long the function runs for a rotation without refusals.
    pub fn running(&self) -> Millis {
        let longest = |group: &Vec<Call>| group.iter().map(|call| call.latency()).max().unwrap_or_default();
        self.fresh.iter().flatten().map(longest).sum()
    }

    /// The calls of a rotation without refusals: to the store and to the platform, and in the longest chain.
    pub fn totals(&self) -> (usize, usize, usize) {
        let calls = || self.fresh.iter().flatten().flatten();
        let store = calls().filter(|call| call.is_store()).count();
        // A validation is two calls.
        let platform = calls().map(|call| if *call == Call::Validate { 2 } else { usize::from(!call.is_store()) });
        (store, platform.sum(), self.fresh.iter().flatten().count())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Secrets Manager invokes the function.
    Invoke,
    /// A group of calls is sent.
    Send,
    /// The group is answered; a call of it may be refused.
    Answered { refused: bool },
}

/// The state of a rotation.
#[derive(Clone, Copy, Default)]
struct Progress {
    attempt: u32,
    is_staged: bool,
    step: usize,
    group: usize,
    /// Retries of the present operation.
    retries: u32,
    /// createSecret failed and cleans up.
    is_failing: bool,
}

struct Model<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    limits: Limits,
    events: BinaryHeap<Reverse<(Millis, u64, usize, Event)>>,
    scheduled: u64,
    rotations: Vec<Progress>,
    /// The next secret of the command line's queue.
    next: usize,
    random: Rng,
    policy: RetryPolicy,
}

/// Runs a scenario.
pub fn run(scenario: &Scenario, plan: &Plan) -> Counts {
    let starts = scenario.starts();
    let mut model = Model {
        plan,
        scenario,
        limits: Limits::new(scenario.is_command_line()),
        events: BinaryHeap::new(),
        scheduled: 0,
        rotations: vec![Progress::default(); scenario.secrets],
        next: starts.len(),
        random: Rng::with_seed(SEED),
        policy: RetryPolicy::default(),
    };
    for (secret, start) in starts.into_iter().enumerate() {
        model.begin(secret, start);
    }
    while let Some(Reverse((now, _, secret, event))) = model.events.pop() {
        match event {
            Event::Invoke if model.limits.invoke() => model.ask(secret, now),
            Event::Invoke => model.schedule(now + BETWEEN_INVOCATIONS, secret, event),
            Event::Send => model.send(secret, now),
            Event::Answered { refused } => model.answered(secret, now, refused),
        }
    }
    model.limits.counts
}

impl<'a> Model<'a> {
    fn schedule(&mut self, at: Millis, secret: usize, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, secret, event)));
    }

    /// Begins a step.
    fn begin(&mut self, secret: usize, now: Millis) {
        let rotation = &mut self.rotations[secret];
        (rotation.group, rotation.retries) = (0, 0);
        if self.scenario.is_command_line() {
            self.ask(secret, now);
        } else {
            self.schedule(now + BETWEEN_STEPS, secret, Event::Invoke);
        }
    }

    fn step(&self, rotation: &Progress) -> &'a Groups {
        match (rotation.is_failing, self.scenario.start) {
            (true, _) => &self.plan.after_refused_stage,
            (_, Start::CommandLine(_)) => &self.plan.whole[0],
            _ if rotation.attempt > 0 && rotation.is_staged => &self.plan.staged[rotation.step],
            _ => &self.plan.fresh[rotation.step],
        }
    }

    fn group(&self, secret: usize) -> &'a [Call] {
        let rotation = &self.rotations[secret];
        &self.step(rotation)[rotation.group]
    }

    /// Sends a group when the command line's limit of writes allows it.
    fn ask(&mut self, secret: usize, now: Millis) {
        let group = self.group(secret);
        let sent = group.iter().map(|call| self.limits.when(*call, now)).max().unwrap_or(now);
        if sent > now { self.schedule(sent, secret, Event::Send) } else { self.send(secret, now) }
    }

    fn send(&mut self, secret: usize, now: Millis) {
        let client = self.scenario.client(secret);
        let (mut answered, mut refused) = (now, false);
        for call in self.group(secret) {
            let admission = self.limits.send(*call, client, now);
            (answered, refused) = (answered.max(admission.answered), refused | admission.refused);
        }
        self.schedule(answered, secret, Event::Answered { refused });
    }

    fn answered(&mut self, secret: usize, now: Millis, refused: bool) {
        let call = self.group(secret)[0];
        if refused {
            return self.retry(secret, now, call);
        }
        let mut rotation = self.rotations[secret];
        rotation.is_staged |= call == Call::Stage;
        // The reads before a promotion are part of its operation.
        rotation.retries = if matches!(call, Call::Describe | Call::Read) { rotation.retries } else { 0 };
        rotation.group += 1;
        self.rotations[secret] = rotation;
        if rotation.group < self.step(&rotation).len() {
            self.ask(secret, now);
        } else if rotation.is_failing {
            self.fail(secret, now);
        } else {
            self.end_step(secret, now);
        }
    }

    /// Repeats a refused operation after a wait. A promotion repeats its reads as well.
    fn retry(&mut self, secret: usize, now: Millis, call: Call) {
        let used = self.rotations[secret].retries;
        if used == self.policy.transient_retries {
            if call != Call::Stage {
                return self.fail(secret, now);
            }
            (self.rotations[secret].is_failing, self.rotations[secret].group) = (true, 0);
            return self.ask(secret, now);
        }
        let bound = self.policy.first_wait.saturating_mul(2_u32.pow(used)).min(self.policy.longest_wait);
        let wait = bound.mul_f64(self.random.f64()).as_millis() as Millis + 1;
        let rotation = &mut self.rotations[secret];
        rotation.retries += 1;
        rotation.group -= usize::from(matches!(call, Call::Promote | Call::Unstage));
        self.schedule(now + wait.max(REFUSED_WAIT), secret, Event::Send);
    }

    fn end_step(&mut self, secret: usize, now: Millis) {
        if self.scenario.is_command_line() {
            self.end(now, true);
            if self.next < self.scenario.secrets {
                self.next += 1;
                self.begin(self.next - 1, now);
            }
            return;
        }
        self.limits.end_invocation();
        self.rotations[secret].step += 1;
        if self.rotations[secret].step == self.plan.fresh.len() {
            self.end(now, true);
        } else {
            self.begin(secret, now);
        }
    }

    fn fail(&mut self, secret: usize, now: Millis) {
        assert!(!self.scenario.is_command_line(), "the command line waits for its quotas");
        self.limits.end_invocation();
        self.limits.counts.failed_steps += 1;
        let Progress { attempt, is_staged, .. } = self.rotations[secret];
        self.rotations[secret] = Progress { attempt: attempt + 1, is_staged, ..Progress::default() };
        if attempt + 1 == ATTEMPTS {
            self.end(now, false);
        } else {
            self.begin(secret, now + BETWEEN_ATTEMPTS);
        }
    }

    fn end(&mut self, now: Millis, promoted: bool) {
        let counts = &mut self.limits.counts;
        counts.promoted += u64::from(promoted);
        counts.failed_rotations += u64::from(!promoted);
        counts.ended = counts.ended.max(now);
    }
}
