//! Credentials, region and endpoint.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

/// Loads the configuration from the default sources: environment, profiles, IAM Identity Center, instance role.
pub async fn discover() -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(name) = app_name() {
        loader = loader.app_name(name);
    }
    loader.load().await
}

/// Loads the configuration from the environment variables that Lambda sets (Lambda developer guide, "Defined runtime
/// environment variables"). Without the other sources, the function is a fifth smaller. SnapStart, which provides
/// credentials in another way, is not supported: the function starts in ten milliseconds.
pub fn from_lambda_environment(lookup: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let set = |name: &str| lookup(name).filter(|text| !text.is_empty());
    let is_on = |name: &str| set(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")).map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"));
    config.set_app_name(app_name());
    config.set_endpoint_url(set("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| set("AWS_ENDPOINT_URL")));
    config.build()
}

fn app_name() -> Option<AppName> {
    AppName::new(env!("CARGO_PKG_NAME")).ok()
}
