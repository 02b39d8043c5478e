//! The login with an AWS identity, the type `iam` of Vault's auth method `aws` (Vault API, "AWS auth method", "Login").
//!
//! The client signs an `sts:GetCallerIdentity` request and does not send it. Vault sends it to STS, whose answer names the
//! caller. The AWS credentials stay here.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, ProvideCredentials};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use vaultrs::api::AuthInfo;
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;

use crate::rotation::{Clock, ErrorKind, Result, RotationError, SystemClock};

/// The request that is signed.
const METHOD: &str = "POST";
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Binds the request to one Vault server, which rejects one without its value.
const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";
/// The default of `vault login -method=aws`, and of a server without `sts_region`.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// The settings of the login.
pub(super) struct AwsLogin {
    pub(super) mount: String,
    pub(super) role: String,
    /// The region of STS.
    pub(super) region: String,
    pub(super) server_id: Option<String>,
}

impl AwsLogin {
    /// Logs in with the credentials that the AWS SDK finds.
    ///
    /// # Errors
    /// Without AWS credentials. The inner error is Vault's.
    pub(super) async fn log_in(&self, client: &VaultClient) -> Result<std::result::Result<AuthInfo, ClientError>> {
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let provider = config.credentials_provider().ok_or_else(|| no_credentials("none are configured"))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| no_credentials("the AWS SDK found none").with_source(error))?;
        let headers = self.headers(credentials, SystemClock.now())?;
        let headers = serde_json::json!(headers).to_string();
        let [url, headers, body] = [self.url(), headers, BODY.to_owned()].map(|text| STANDARD.encode(text));
        let role = Some(self.role.as_str());
        Ok(vaultrs::auth::aws::iam_login(client, &self.mount, METHOD, &url, &headers, &body, role).await)
    }

    /// The endpoint of STS. In us-east-1 it is the global one, which a server without `sts_endpoint` uses.
    fn url(&self) -> String {
        match self.region.as_str() {
            DEFAULT_REGION => "https://sts.amazonaws.com/".to_owned(),
            region if region.starts_with("cn-") => format!("https://sts.{region}.amazonaws.com.cn/"),
            region => format!("https://sts.{region}.amazonaws.com/"),
        }
    }

    /// The headers of the signed request.
    fn headers(&self, credentials: Credentials, now: Timestamp) -> Result<BTreeMap<String, String>> {
        let cannot_sign = |error: &dyn std::error::Error| no_credentials(&format!("they cannot sign: {error}"));
        let identity = credentials.into();
        let params = SigningParams::builder().identity(&identity).region(&self.region).name("sts").time(now.into());
        let params = params.settings(SigningSettings::default()).build().map_err(|error| cannot_sign(&error))?;
        let server_id = self.server_id.as_deref().map(|value| (SERVER_ID, value));
        let headers: Vec<_> = [("Content-Type", CONTENT_TYPE)].into_iter().chain(server_id).collect();
        let body = SignableBody::Bytes(BODY.as_bytes());
        let request = SignableRequest::new(METHOD, self.url(), headers.iter().copied(), body);
        let signed = request.and_then(|request| sign(request, &params.into())).map_err(|error| cannot_sign(&error))?;
        let (instructions, _) = signed.into_parts();
        let all = headers.iter().copied().chain(instructions.headers());
        Ok(all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn no_credentials(why: &str) -> RotationError {
    let message = format!("no AWS credentials for the Vault login: {why}");
    RotationError::new(ErrorKind::StoreDenied, message).with_hint(
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role of AWS; `aws sts get-caller-identity` shows the identity",
    )
}
