//! A function with its processes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::logs::Logs;
use super::process::Process;
use super::settings::FunctionSettings;
use crate::invoke::{BoxFuture, FunctionError, Invoke};

/// A Lambda function. Clones share its processes, which are killed when the last clone is dropped.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    path: PathBuf,
    environment: Vec<(String, String)>,
    settings: FunctionSettings,
    places: Semaphore,
    idle: Mutex<Vec<Arc<Process>>>,
    /// All processes that may be running, for [`Function::kill`].
    started: Mutex<Vec<Weak<Process>>>,
    logs: Logs,
}

impl Function {
    /// Starts the binary at `path` with the environment of a Lambda function and the pairs of `environment`, and without
    /// the variables of this process. Further processes are started on demand.
    ///
    /// # Errors
    /// The binary could not be started, or no port could be bound.
    pub async fn start(
        path: impl Into<PathBuf>,
        environment: Vec<(String, String)>,
        settings: FunctionSettings,
    ) -> io::Result<Self> {
        let function = Self(Arc::new(Inner {
            path: path.into(),
            environment,
            places: Semaphore::new(settings.concurrency.max(1)),
            settings,
            idle: Mutex::default(),
            started: Mutex::default(),
            logs: Logs::default(),
        }));
        let process = function.spawn().await?;
        function.idle().push(process);
        Ok(function)
    }

    /// Kills all running processes (SIGKILL). Their invocations fail, and the next invocation starts a new process.
    pub fn kill(&self) {
        let started = self.0.started.lock();
        for process in started.iter().filter_map(Weak::upgrade) {
            process.kill();
        }
    }

    /// Returns the last lines of the processes' standard output and error, oldest first.
    pub fn logs(&self) -> Vec<String> {
        self.0.logs.lines()
    }

    /// Returns the number of running processes.
    pub fn processes(&self) -> usize {
        let started = self.0.started.lock();
        started.iter().filter_map(Weak::upgrade).filter(|process| process.is_alive()).count()
    }

    /// Returns the ids of the running processes.
    pub fn process_ids(&self) -> Vec<u32> {
        let started = self.0.started.lock();
        started.iter().filter_map(Weak::upgrade).filter_map(|process| process.id()).collect()
    }

    fn idle(&self) -> parking_lot::MutexGuard<'_, Vec<Arc<Process>>> {
        self.0.idle.lock()
    }

    async fn spawn(&self) -> io::Result<Arc<Process>> {
        let inner = &self.0;
        let process = Process::spawn(&inner.path, &inner.environment, &inner.settings, &inner.logs).await?;
        let process = Arc::new(process);
        let mut started = inner.started.lock();
        started.retain(|process| process.strong_count() > 0);
        started.push(Arc::downgrade(&process));
        Ok(process)
    }

    /// Returns an idle process, or starts one.
    async fn process(&self) -> io::Result<Arc<Process>> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some(process) if process.is_alive() => return Ok(process),
                Some(_) => {}
                None => return self.spawn().await,
            }
        }
    }

    async fn run(&self, event: Value, timeout: Duration) -> Result<Value, FunctionError> {
        let error = |error: &dyn fmt::Display| FunctionError::new("Runtime.InvalidEntrypoint", error.to_string());
        let _place = self.0.places.acquire().await.map_err(|closed| error(&closed))?;
        let process = self.process().await.map_err(|failure| error(&failure))?;
        // If this future is dropped, the guard kills the process: it must not get the next event while it handles this one.
        let guard = KillUnlessIdle(Some(Arc::clone(&process)));
        let invoked = process.invoke(&event, timeout.min(self.0.settings.timeout), &self.0.settings).await;
        if invoked.reusable {
            guard.release();
            self.idle().push(process);
        }
        invoked.answer
    }
}

impl Invoke for Function {
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(self.run(event, timeout))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment may hold credentials.
        let mut function = formatter.debug_struct("Function");
        function.field("path", &self.0.path).field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

struct KillUnlessIdle(Option<Arc<Process>>);

impl KillUnlessIdle {
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for KillUnlessIdle {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.kill();
        }
    }
}
