//! Faults on demand: which calls go wrong, and how.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use parking_lot::Mutex;
use tokio::sync::Barrier;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Effect {
    /// This answer is given; the service never sees the request.
    Answer(FaultAnswer),
    /// The service answers this much later.
    Delay(Duration),
    /// The service answers once as many calls wait here as the barrier asks for.
    Meet(Arc<Barrier>),
    /// The connection closes before the service sees the request.
    Drop,
    /// The service carries the request out, and the connection closes without an answer.
    LoseAnswer,
    /// The request is never answered and never carried out.
    Hang,
    /// The calling function process is killed before the service sees the request.
    KillBefore,
    /// The calling function process is killed after the service carried the request out.
    KillAfter,
}

/// A made-up answer.
#[derive(Clone, Debug)]
pub struct FaultAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Header fields besides `content-type`.
    pub headers: Vec<(String, String)>,
    /// The content type, such as `text/html`.
    pub content_type: String,
    /// The body's text.
    pub body: String,
}

impl FaultAnswer {
    /// An answer of a status, with a body of a content type.
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

/// One rule of the fault list.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation it applies to, or `*` for all of them.
    pub operation: String,
    /// How many matching calls pass untouched first.
    pub skip: u32,
    /// How many calls are hit after that; `None` for all.
    pub times: Option<u32>,
    /// What happens to them.
    pub effect: Effect,
}

impl Fault {
    /// A fault that hits the next matching call alone.
    pub fn once(operation: &str, effect: Effect) -> Self {
        Self { operation: operation.to_owned(), skip: 0, times: Some(1), effect }
    }

    /// A fault that hits every matching call.
    pub fn always(operation: &str, effect: Effect) -> Self {
        Self { operation: operation.to_owned(), skip: 0, times: None, effect }
    }

    /// Lets this many matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

type Kill = Box<dyn Fn() + Send + Sync>;

/// The list of faults, shared by the servers and whoever sets it up.
#[derive(Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
    kill: Arc<Mutex<Option<Kill>>>,
}

impl Faults {
    /// Adds a rule. The first rule that matches a call decides.
    pub fn add(&self, fault: Fault) {
        self.rules.lock().push(fault);
    }

    /// Takes every rule away.
    pub fn clear(&self) {
        self.rules.lock().clear();
    }

    /// What to call for [`Effect::KillBefore`] and [`Effect::KillAfter`].
    pub fn on_kill(&self, kill: impl Fn() + Send + Sync + 'static) {
        *self.kill.lock() = Some(Box::new(kill));
    }

    pub(super) fn kill(&self) {
        if let Some(kill) = self.kill.lock().as_ref() {
            kill();
        }
    }

    /// The effect for this call, counting it.
    pub(super) fn next(&self, operation: &str) -> Option<Effect> {
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
