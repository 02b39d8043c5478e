//! Rotations that Secrets Manager runs.

use super::client::AwsSecretsManager;
use super::failure::{AwsCall, code_of, incomplete};
use crate::rotation::{ErrorKind, PENDING, Result, RotationError, SecretId, VersionId};

impl AwsSecretsManager {
    /// Starts a rotation (Secrets Manager API reference, `RotateSecret`) and returns its version.
    ///
    /// # Errors
    /// `RotationDisabled` if the secret has no rotation function, `StoreConflict` if a rotation is in progress; otherwise as
    /// for reading.
    pub async fn start_rotation(&self, secret: &SecretId, version: &VersionId) -> Result<VersionId> {
        let call = AwsCall { action: "RotateSecret", secret };
        let request = self.client.rotate_secret().secret_id(secret.as_str()).client_request_token(version.as_str());
        match self.write(request.send()).await {
            Ok(answer) => answer.version_id().map(VersionId::from_store).ok_or_else(|| incomplete(&call)),
            Err(error)
                if code_of(&error) == Some("InvalidRequestException") && call.says(&error, "previous rotation") =>
            {
                let message =
                    format!("an earlier rotation of {secret} is not complete, and Secrets Manager retries it");
                let hint = format!(
                    "wait for it, or read the function's log to find why it fails; `status` shows its version with {PENDING}"
                );
                Err(RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint).permanent())
            }
            // "Secrets Manager cannot invoke the specified Lambda function."
            Err(error) if code_of(&error) == Some("AccessDeniedException") && call.says(&error, "cannot invoke") => {
                let message = format!("Secrets Manager is not allowed to invoke the rotation function of {secret}");
                let hint = "allow it: `aws lambda add-permission --function-name FUNCTION --statement-id SecretsManager --action lambda:InvokeFunction --principal secretsmanager.amazonaws.com --source-account ACCOUNT`";
                Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint))
            }
            Err(error) if code_of(&error) == Some("InvalidRequestException") && !call.says(&error, "deletion") => {
                let message = format!("secret {secret} has no rotation function");
                let hint = "attach the function to the secret (`aws secretsmanager rotate-secret --rotation-lambda-arn`), or rotate with --local";
                Err(RotationError::new(ErrorKind::RotationDisabled, message).with_hint(hint))
            }
            Err(error) => Err(call.failed(&error)),
        }
    }
}
