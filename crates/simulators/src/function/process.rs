//! One process of the function, with its own Runtime API.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::logs::Logs;
use super::runtime_api::{Invocation, RuntimeApi};
use super::settings::FunctionSettings;
use crate::faults::Faults;
use crate::http::Server;
use crate::invoke::FunctionError;
use crate::journal::Journal;

/// How an invocation ended, and whether the process can handle another one.
pub(super) struct Invoked {
    pub(super) answer: Result<Value, FunctionError>,
    pub(super) reusable: bool,
}

/// A running process. It is killed when dropped.
pub(super) struct Process {
    child: Mutex<Child>,
    api: Arc<RuntimeApi>,
    _server: Server,
}

impl Process {
    pub(super) async fn spawn(
        path: &Path,
        environment: &[(String, String)],
        settings: &FunctionSettings,
        logs: &Logs,
    ) -> io::Result<Self> {
        let api = Arc::new(RuntimeApi::default());
        let server = Server::start(0, Arc::clone(&api), Faults::default(), Journal::default()).await?;
        let mut command = Command::new(path);
        command.env_clear().envs(lambda_environment(path, settings, server.address()));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(output) = child.stdout.take() {
            logs.collect(output, settings.tee);
        }
        if let Some(output) = child.stderr.take() {
            logs.collect(output, settings.tee);
        }
        Ok(Self { child: Mutex::new(child), api, _server: server })
    }

    /// Kills the process, if it is running.
    pub(super) fn kill(&self) {
        self.child.lock().start_kill().ok();
    }

    /// Returns the process's id while it is running.
    pub(super) fn id(&self) -> Option<u32> {
        let mut child = self.child.lock();
        child.try_wait().is_ok_and(|status| status.is_none()).then(|| child.id())?
    }

    pub(super) fn is_alive(&self) -> bool {
        self.child.lock().try_wait().is_ok_and(|status| status.is_none())
    }

    /// Sends an event to the process, and waits for its answer, its exit, or the timeout.
    pub(super) async fn invoke(&self, event: &Value, timeout: Duration, settings: &FunctionSettings) -> Invoked {
        let id = Uuid::new_v4().to_string();
        let (invocation, taken, answered) = Invocation::new(&id, event.to_string(), timeout, &settings.name);
        self.api.offer(invocation);
        tokio::select! {
            biased;
            // The sender is part of the invocation, which is kept until the process takes it.
            _ = taken => {}
            status = self.exited() => return self.fail(self.api.init_error().unwrap_or_else(|| exit_error(&id, status))),
            () = tokio::time::sleep(settings.init_timeout) => {
                return self.fail(FunctionError::timed_out(&id, settings.init_timeout));
            }
        }
        tokio::select! {
            biased;
            answer = answered => match answer {
                Ok(answer) => Invoked { answer, reusable: true },
                Err(_) => self.fail(FunctionError::new("Runtime.Unknown", "The invocation was abandoned.")),
            },
            status = self.exited() => self.fail(exit_error(&id, status)),
            () = tokio::time::sleep(timeout) => self.fail(FunctionError::timed_out(&id, timeout)),
        }
    }

    fn fail(&self, error: FunctionError) -> Invoked {
        self.kill();
        Invoked { answer: Err(error), reusable: false }
    }

    /// Waits for the process's exit. The lock is held only while polling, so the process can be killed.
    async fn exited(&self) -> io::Result<ExitStatus> {
        poll_fn(|context| {
            let mut child = self.child.lock();
            pin!(child.wait()).poll(context)
        })
        .await
    }
}

fn exit_error(request_id: &str, status: io::Result<ExitStatus>) -> FunctionError {
    // The status prints as "exit status: 1" or "signal: 9 (SIGKILL)".
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    FunctionError::new("Runtime.ExitError", format!("RequestId: {request_id} Error: Runtime exited with error: {how}"))
}

/// The environment of a function (Lambda developer guide, "Using Lambda environment variables").
#[expect(clippy::disallowed_methods, reason = "the process uses the machine's clock")]
fn lambda_environment(path: &Path, settings: &FunctionSettings, api: SocketAddr) -> Vec<(&'static str, String)> {
    let root = path.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
    let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
    vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", settings.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", settings.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("{day}/[$LATEST]{}", Uuid::new_v4().simple())),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "ASIASIMULATED0000000".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "simulated-secret-access-key".to_owned()),
        ("AWS_SESSION_TOKEN", "simulated-session-token".to_owned()),
        ("LAMBDA_TASK_ROOT", root),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
    ]
}
