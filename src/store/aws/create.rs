//! Creates secrets for adoptions.

use secrecy::ExposeSecret;

use super::client::AwsSecretsManager;
use super::failure::{AwsCall, code_of};
use crate::rotation::{ErrorKind, Result, RotationError, SecretCreation, SecretId, VersionId};
use crate::secret::SecretString;

impl SecretCreation for AwsSecretsManager {
    async fn create(&self, secret: &SecretId, version: &VersionId, value: &SecretString) -> Result<()> {
        let call = AwsCall { action: "CreateSecret", secret };
        if secret.as_str().starts_with("arn:") {
            let message = format!("secret {secret} does not exist in this account and region");
            return Err(RotationError::new(ErrorKind::SecretNotFound, message)
                .with_hint("name a new secret by its name: Secrets Manager chooses the end of the ARN"));
        }
        let request = self.client.create_secret().name(secret.as_str()).client_request_token(version.as_str());
        match self.write(request.secret_string(value.expose_secret()).send()).await {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == Some("ResourceExistsException") => {
                Err(RotationError::new(ErrorKind::StoreConflict, format!("the secret {secret} exists")))
            }
            Err(error) => Err(call.failed(&error)),
        }
    }
}
