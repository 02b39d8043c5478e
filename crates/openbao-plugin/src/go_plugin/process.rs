//! The host's calls to the process, as opposed to a mount.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use super::shutdown::Shutdown;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_server::Health;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::logical::plugin_version_server::PluginVersion;
use crate::proto::logical::{self, VersionReply};
use crate::proto::multiplexing::plugin_multiplexing_server::PluginMultiplexing;
use crate::proto::multiplexing::{MultiplexingSupportRequest, MultiplexingSupportResponse};
use crate::proto::plugin::grpc_controller_server::GrpcController;
use crate::proto::plugin::grpc_stdio_server::GrpcStdio;
use crate::proto::plugin::{self, StdioData};

/// The service whose health the host checks (go-plugin, `GRPCServiceName`).
const SERVICE: &str = "plugin";

/// Serves the calls to the process.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) version: String,
    pub(crate) shutdown: Shutdown,
}

#[tonic::async_trait]
impl Health for Process {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            SERVICE | "" => Ok(Response::new(health(ServingStatus::Serving))),
            _ => Err(Status::not_found("unknown service")),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let status = match request.get_ref().service.as_str() {
            SERVICE | "" => ServingStatus::Serving,
            _ => ServingStatus::ServiceUnknown,
        };
        let shutdown = self.shutdown.clone();
        let states = stream::once(async move { Ok(health(status)) }).chain(stream::pending());
        Ok(Response::new(states.take_until(async move { shutdown.triggered().await }).boxed()))
    }
}

fn health(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl GrpcController for Process {
    async fn shutdown(&self, _request: Request<plugin::Empty>) -> Result<Response<plugin::Empty>, Status> {
        self.shutdown.trigger("the host requested it");
        Ok(Response::new(plugin::Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Process {
    type StreamStdioStream = BoxStream<'static, Result<StdioData, Status>>;

    /// Never sends anything: the host reads the log from standard error.
    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        let shutdown = self.shutdown.clone();
        Ok(Response::new(stream::pending().take_until(async move { shutdown.triggered().await }).boxed()))
    }
}

#[tonic::async_trait]
impl PluginMultiplexing for Process {
    async fn multiplexing_support(
        &self,
        _request: Request<MultiplexingSupportRequest>,
    ) -> Result<Response<MultiplexingSupportResponse>, Status> {
        Ok(Response::new(MultiplexingSupportResponse { supported: true }))
    }
}

#[tonic::async_trait]
impl PluginVersion for Process {
    async fn version(&self, _request: Request<logical::Empty>) -> Result<Response<VersionReply>, Status> {
        Ok(Response::new(VersionReply { plugin_version: self.version.clone() }))
    }
}
