//! The Lambda `bootstrap` of the rotation function for AWS Secrets Manager.

use std::process::ExitCode;

use genesys_rotator::lambda::{Function, Metrics, only_json};
use genesys_rotator::log_filter::{UnknownFilter, log_filter_or_default};
use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{Rotator, SystemClock};
use genesys_rotator::store::aws::{AwsSecretsManager, sdk_config};
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[expect(clippy::disallowed_methods, reason = "binaries read the environment and hand it to the library")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::main(flavor = "local")]
async fn main() -> ExitCode {
    let level = variable("ROTATOR_LOG").or_else(|| variable("AWS_LAMBDA_LOG_LEVEL"));
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let (filter, ignored) = log_filter_or_default(level.as_deref());
    tracing_subscriber::registry().with(lines).with(filter).init();
    if let Some(error) = ignored {
        tracing::warn!(error.hint = UnknownFilter::HINT, "the log level in the environment is ignored: {error}");
    }
    let store = AwsSecretsManager::new(&sdk_config::from_lambda_environment(variable));
    let rotator = |issuer| Rotator::new(store, issuer, SystemClock);
    let metrics = Metrics::new(std::io::stdout(), variable("ROTATOR_METRIC_NAMESPACE"));
    let function = Function::new(Endpoints::from_lookup(variable).map(Platforms::new).map(rotator), metrics);
    let handle = service_fn(|event: LambdaEvent<serde_json::Value>| function.handle(event));
    let runtime = Runtime::new(handle).layer(MapRequestLayer::new(only_json));
    match runtime.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime stopped: {error}");
            ExitCode::FAILURE
        }
    }
}
