//! Faults on demand: which calls fail, and how.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::sync::Barrier;

/// The effect of a fault on a call.
#[derive(Clone, Debug)]
pub enum Effect {
    /// This answer is sent, and the request is not executed.
    Answer(FaultAnswer),
    /// The request is executed after this delay.
    Delay(Duration),
    /// The request is executed at once, and its answer is sent after this delay.
    DelayAnswer(Duration),
    /// The request is executed once all calls that the barrier requires have arrived.
    Meet(Arc<Barrier>),
    /// The connection closes, and the request is not executed.
    Drop,
    /// The request is executed, and the connection closes without an answer.
    LoseAnswer,
    /// The connection closes without an answer, and the request is executed after this delay.
    Late(Duration),
    /// The request is neither answered nor executed.
    Hang,
    /// The calling function process is killed before the request is executed.
    KillBefore,
    /// The calling function process is killed after the request is executed.
    KillAfter,
}

/// The answer of a fault.
#[derive(Clone, Debug)]
pub struct FaultAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Header fields, beside `content-type`.
    pub headers: Vec<(String, String)>,
    /// The content type, such as `text/html`.
    pub content_type: String,
    /// The body's text.
    pub body: String,
}

impl FaultAnswer {
    /// Creates an answer.
    pub fn new(status: StatusCode, content_type: &str, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), content_type: content_type.to_owned(), body: body.into() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// One rule in the list of faults.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation it applies to, or `*` for all of them.
    pub operation: String,
    /// How many matching calls pass first.
    pub skip: u32,
    /// How many calls are hit after that; `None` for all.
    pub times: Option<u32>,
    /// The effect on these calls.
    pub effect: Effect,
}

impl Fault {
    /// Creates a fault that hits only the next matching call.
    pub fn once(operation: &str, effect: Effect) -> Self {
        Self { operation: operation.to_owned(), skip: 0, times: Some(1), effect }
    }

    /// Creates a fault that hits every matching call.
    pub fn always(operation: &str, effect: Effect) -> Self {
        Self { operation: operation.to_owned(), skip: 0, times: None, effect }
    }

    /// Skips this many matching calls.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

type Kill = Box<dyn Fn() + Send + Sync>;
type Choose = Box<dyn Fn(&str, &HeaderMap) -> Option<Effect> + Send + Sync>;

/// The list of faults. Clones share it.
#[derive(Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
    kill: Arc<Mutex<Option<Kill>>>,
    choose: Arc<Mutex<Option<Choose>>>,
}

impl Faults {
    /// Adds a rule. The first matching rule applies to a call.
    pub fn add(&self, fault: Fault) {
        self.rules.lock().push(fault);
    }

    /// Removes all rules, and the function of [`Faults::choose_with`].
    pub fn clear(&self) {
        self.rules.lock().clear();
        *self.choose.lock() = None;
    }

    /// Sets a function that gets the operation and the header fields of each call that no rule applies to, and returns the
    /// effect on it.
    pub fn choose_with(&self, choose: impl Fn(&str, &HeaderMap) -> Option<Effect> + Send + Sync + 'static) {
        *self.choose.lock() = Some(Box::new(choose));
    }

    /// Sets the action of [`Effect::KillBefore`] and [`Effect::KillAfter`].
    pub fn on_kill(&self, kill: impl Fn() + Send + Sync + 'static) {
        *self.kill.lock() = Some(Box::new(kill));
    }

    pub(super) fn kill(&self) {
        if let Some(kill) = self.kill.lock().as_ref() {
            kill();
        }
    }

    /// Counts this call, and returns the effect on it.
    pub(super) fn next(&self, operation: &str, headers: &HeaderMap) -> Option<Effect> {
        self.next_rule(operation).or_else(|| self.choose.lock().as_ref()?(operation, headers))
    }

    fn next_rule(&self, operation: &str) -> Option<Effect> {
        let mut rules = self.rules.lock();
        for rule in rules.iter_mut().filter(|rule| rule.operation == "*" || rule.operation == operation) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            match &mut rule.times {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            return Some(rule.effect.clone());
        }
        None
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Faults").field("rules", &self.rules).finish_non_exhaustive()
    }
}
