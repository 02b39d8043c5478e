//! The mounts of one process, and the requests to them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::backend::{Backend, Engine, Mount};
use super::cancellation::Cancellation;
use super::failure::Failure;
use super::host_service::HostService;
use super::message::{self, Asked};
use super::request::{self, Operation};
use super::response;
use super::storage::Storage;
use super::system_view::SystemView;
use crate::go_plugin::broker::Broker;
use crate::proto::pb;
use crate::proto::pb::backend_server;

/// The metadata key that identifies a mount. A host without multiplexing sets none, and has one mount per process.
const MULTIPLEX_ID: &str = "multiplex_id";

/// The mounts of one process. Clones share them.
pub(crate) struct Mounts<E: Engine> {
    shared: Arc<Shared<E>>,
}

struct Shared<E: Engine> {
    engine: E,
    broker: Broker,
    longest_message: usize,
    backends: Mutex<HashMap<String, Arc<E::Backend>>>,
}

impl<E: Engine> Clone for Mounts<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<E: Engine> Mounts<E> {
    pub(crate) fn new(engine: E, broker: Broker, longest_message: usize) -> Self {
        Self { shared: Arc::new(Shared { engine, broker, longest_message, backends: Mutex::default() }) }
    }

    /// Cleans up all mounts concurrently.
    pub(crate) async fn cleanup(&self, limit: Duration) {
        let backends = std::mem::take(&mut *self.shared.backends.lock());
        let all = backends.into_values().map(|backend| async move { backend.cleanup().await });
        if tokio::time::timeout(limit, futures_util::future::join_all(all)).await.is_err() {
            tracing::warn!("not all mounts could be cleaned up before the process exits");
        }
    }

    fn backend(&self, metadata: &MetadataMap) -> Result<Arc<E::Backend>, Status> {
        let backend = self.shared.backends.lock().get(multiplex_id(metadata)).cloned();
        backend.ok_or_else(|| Status::failed_precondition("this mount is not set up, or was cleaned up"))
    }

    async fn mount(&self, id: String, arguments: pb::SetupArgs) -> Result<(), Failure> {
        let host = HostService::new(self.shared.broker.dial(arguments.broker_id).await?, self.shared.longest_message);
        let backend = self.shared.engine.mount(Mount {
            storage: Storage::new(host.clone()),
            system: SystemView::new(host),
            config: arguments.config.into_iter().collect(),
            uuid: arguments.backend_uuid,
        })?;
        let replaced = self.shared.backends.lock().insert(id, Arc::new(backend));
        if let Some(replaced) = replaced {
            replaced.cleanup().await;
        }
        Ok(())
    }
}

fn multiplex_id(metadata: &MetadataMap) -> &str {
    metadata.get(MULTIPLEX_ID).and_then(|id| id.to_str().ok()).unwrap_or_default()
}

/// Runs a call to completion, even if the caller cancels. A panic becomes a failure.
async fn to_completion<T: Send + 'static>(
    call: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let mut call = Box::pin(AssertUnwindSafe(call).catch_unwind());
    // A call that answers from memory needs no task of its own, which would cost more than the answer.
    let completed = match (&mut call).now_or_never() {
        Some(completed) => completed.ok(),
        None => tokio::spawn(call).await.ok().and_then(Result::ok),
    };
    completed.unwrap_or_else(|| {
        tracing::error!("the engine panicked; only this call fails");
        Err(Failure::internal("internal error: the engine panicked"))
    })
}

/// Answers a request, to completion. If the host has canceled it by then, [`Backend::undelivered`] gets a new lease,
/// which the host would never revoke.
async fn answered<B: Backend>(backend: Arc<B>, request: request::Request) -> Result<response::Response, Failure> {
    let (sender, receiver) = oneshot::channel();
    let is_new = request.operation != Operation::Renew;
    let (cancellation, is_answered) = (request.cancellation.clone(), false);
    let mut delivery = Delivery { receiver, backend: backend.clone(), is_new, cancellation, is_answered };
    let completed = to_completion(async move {
        let answer = backend.handle_request(request).await;
        if let Err(answer) = sender.send(answer) {
            report_undelivered(backend, answer, is_new).await;
        }
        Ok(())
    });
    let completed = completed.await;
    delivery.is_answered = true;
    completed?;
    (&mut delivery.receiver)
        .await
        .unwrap_or_else(|_| Err(Failure::internal("internal error: the engine gave no answer")))
}

/// An answer on its way to the host. Dropping it means that the host canceled the request.
struct Delivery<B: Backend> {
    receiver: oneshot::Receiver<Result<response::Response, Failure>>,
    backend: Arc<B>,
    is_new: bool,
    cancellation: Cancellation,
    is_answered: bool,
}

impl<B: Backend> Drop for Delivery<B> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.cancellation.cancel();
        }
        // From here on the sending side sees the cancellation.
        self.receiver.close();
        if let Ok(answer) = self.receiver.try_recv() {
            tokio::spawn(report_undelivered(self.backend.clone(), answer, self.is_new));
        }
    }
}

async fn report_undelivered<B: Backend>(backend: Arc<B>, answer: Result<response::Response, Failure>, is_new: bool) {
    if let Ok(answer) = answer
        && answer.lease.is_some()
        && is_new
    {
        backend.undelivered(answer).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a lease carries its issue time")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tonic::async_trait]
impl<E: Engine> backend_server::Backend for Mounts<E> {
    async fn handle_request(
        &self,
        request: Request<pb::HandleRequestArgs>,
    ) -> Result<Response<pb::HandleRequestReply>, Status> {
        let backend = self.backend(request.metadata())?;
        let request = request.into_inner().request;
        let asked = Asked::of(request.as_ref(), now());
        let answer = match message::request(request) {
            Ok(request) => answered(backend, request).await,
            Err(failure) => Err(failure),
        };
        Ok(Response::new(message::reply(answer, &asked)))
    }

    async fn special_paths(&self, request: Request<pb::Empty>) -> Result<Response<pb::SpecialPathsReply>, Status> {
        let paths = self.backend(request.metadata())?.special_paths();
        Ok(Response::new(message::special_paths(paths)))
    }

    async fn handle_existence_check(
        &self,
        request: Request<pb::HandleExistenceCheckArgs>,
    ) -> Result<Response<pb::HandleExistenceCheckReply>, Status> {
        let backend = self.backend(request.metadata())?;
        let answer = match message::request(request.into_inner().request) {
            Ok(request) => to_completion(async move { backend.exists(request).await }).await,
            Err(failure) => Err(failure),
        };
        let err = answer.as_ref().err().map(message::error);
        let found = answer.unwrap_or_default();
        let reply =
            pb::HandleExistenceCheckReply { check_found: found.is_some(), exists: found.unwrap_or_default(), err };
        Ok(Response::new(reply))
    }

    async fn cleanup(&self, request: Request<pb::Empty>) -> Result<Response<pb::Empty>, Status> {
        let id = multiplex_id(request.metadata());
        let removed = self.shared.backends.lock().remove(id);
        if let Some(backend) = removed {
            backend.cleanup().await;
        }
        Ok(Response::new(pb::Empty {}))
    }

    async fn invalidate_key(&self, request: Request<pb::InvalidateKeyArgs>) -> Result<Response<pb::Empty>, Status> {
        self.backend(request.metadata())?.invalidate(&request.get_ref().key).await;
        Ok(Response::new(pb::Empty {}))
    }

    async fn setup(&self, request: Request<pb::SetupArgs>) -> Result<Response<pb::SetupReply>, Status> {
        let id = multiplex_id(request.metadata()).to_owned();
        let failure = self.mount(id, request.into_inner()).await.err();
        let err = failure.map(|failure| failure.to_string()).unwrap_or_default();
        Ok(Response::new(pb::SetupReply { err }))
    }

    async fn initialize(&self, request: Request<pb::InitializeArgs>) -> Result<Response<pb::InitializeReply>, Status> {
        let backend = self.backend(request.metadata())?;
        let failure = to_completion(async move { backend.initialize().await }).await.err();
        Ok(Response::new(pb::InitializeReply { err: failure.as_ref().map(message::error) }))
    }

    /// The host also calls this before any mount is set up.
    async fn r#type(&self, _request: Request<pb::Empty>) -> Result<Response<pb::TypeReply>, Status> {
        Ok(Response::new(pb::TypeReply { r#type: self.shared.engine.kind() as u32 }))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;
    use crate::logical::lease::Lease;

    #[derive(Default)]
    struct Leasing {
        has_answered: Notify,
        has_revoked: Notify,
    }

    impl Backend for Leasing {
        async fn handle_request(&self, _request: request::Request) -> Result<response::Response, Failure> {
            // The call gets a task of its own.
            tokio::task::yield_now().await;
            self.has_answered.notify_one();
            let ttl = Duration::from_secs(60);
            Ok(response::Response::empty().leased(Lease::new(ttl).max_ttl(ttl).renewable()))
        }

        async fn undelivered(&self, _answer: response::Response) {
            self.has_revoked.notify_one();
        }
    }

    #[tokio::test]
    async fn a_lease_of_a_canceled_request_is_reported_as_undelivered() {
        let backend = Arc::new(Leasing::default());
        let request = message::request(Some(pb::Request { operation: "read".to_owned(), ..Default::default() }));
        let mut asked = Box::pin(answered(backend.clone(), request.unwrap()));
        assert!((&mut asked).now_or_never().is_none(), "the call has only started");
        // On this single-threaded runtime, the call sends its answer before this task continues.
        backend.has_answered.notified().await;
        drop(asked);
        backend.has_revoked.notified().await;
    }

    /// Waits until its host cancels the request, or answers at once at the path `now`.
    #[derive(Default)]
    struct Waiting {
        has_started: Notify,
        has_seen: Notify,
        kept: Mutex<Option<Cancellation>>,
    }

    impl Backend for Waiting {
        async fn handle_request(&self, request: request::Request) -> Result<response::Response, Failure> {
            *self.kept.lock() = Some(request.cancellation.clone());
            self.has_started.notify_one();
            if request.path != "now" {
                request.cancellation.canceled().await;
                self.has_seen.notify_one();
            }
            Ok(response::Response::empty())
        }
    }

    #[tokio::test]
    async fn a_handler_sees_that_its_request_was_canceled() {
        let backend = Arc::new(Waiting::default());
        let mut asked = Box::pin(answered(backend.clone(), request::Request::new(Operation::Read, "")));
        assert!((&mut asked).now_or_never().is_none(), "the call has only started");
        backend.has_started.notified().await;
        assert!(!backend.kept.lock().as_ref().unwrap().is_canceled());
        drop(asked);
        backend.has_seen.notified().await;
        assert!(backend.kept.lock().as_ref().unwrap().is_canceled());
    }

    #[tokio::test]
    async fn an_answered_request_is_not_canceled() {
        let backend = Arc::new(Waiting::default());
        assert!(answered(backend.clone(), request::Request::new(Operation::Read, "now")).await.is_ok());
        assert!(!backend.kept.lock().as_ref().unwrap().is_canceled());
    }

    #[tokio::test]
    async fn a_delivered_lease_is_not_reported_as_undelivered() {
        let backend = Arc::new(Leasing::default());
        let request = message::request(Some(pb::Request { operation: "read".to_owned(), ..Default::default() }));
        assert!(answered(backend.clone(), request.unwrap()).await.is_ok_and(|answer| answer.lease.is_some()));
        tokio::task::yield_now().await;
        assert!(backend.has_revoked.notified().now_or_never().is_none());
    }
}
