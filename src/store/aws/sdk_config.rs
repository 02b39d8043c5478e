//! Credentials, region and endpoint.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
#[cfg(feature = "cli")]
use aws_config::{
    meta::region::ProvideRegion, profile::ProfileFileCredentialsProvider, profile::ProfileFileRegionProvider,
    provider_config::ProviderConfig, sts::AssumeRoleProvider,
};
#[cfg(feature = "cli")]
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

/// The access to one account and region. Each part that is `None` comes from the default sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AwsAccess {
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// The ARN of a role to assume.
    pub role_arn: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// The credentials of a profile. The provider of the SDK names the reason of a failure only once.
#[cfg(feature = "cli")]
#[derive(Debug)]
struct ProfileCredentials {
    profile: String,
    region: Option<Region>,
}

#[cfg(feature = "cli")]
impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let sources = ProviderConfig::without_region().with_region(self.region.clone());
        let provider =
            ProfileFileCredentialsProvider::builder().configure(&sources).profile_name(&self.profile).build();
        future::ProvideCredentials::new(async move { provider.provide_credentials().await })
    }
}

/// Loads the configuration from the default sources: environment, profiles, IAM Identity Center, instance role.
#[cfg(feature = "cli")]
pub async fn discover(access: &AwsAccess) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(name) = app_name() {
        loader = loader.app_name(name);
    }
    let mut region = access.region.clone().map(Region::new);
    if let Some(profile) = &access.profile {
        region = match region {
            Some(region) => Some(region),
            None => ProfileFileRegionProvider::builder().profile_name(profile).build().region().await,
        };
        // The SDK prefers region and credentials of the environment to those of a named profile.
        let credentials = ProfileCredentials { profile: profile.clone(), region: region.clone() };
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(region) = region {
        loader = loader.region(region);
    }
    let config = loader.load().await;
    let Some(role) = &access.role_arn else { return config };
    let assumed =
        AssumeRoleProvider::builder(role).session_name(env!("CARGO_PKG_NAME")).configure(&config).build().await;
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_lambda_sets_region_and_endpoint_and_requests_name_this_program() {
        let set = [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
        let lookup = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let config = from_lambda_environment(lookup);
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config.app_name().map(AsRef::as_ref), Some("genesys-rotator"));
    }
}
