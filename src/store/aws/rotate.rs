//! What only Secrets Manager has: a rotation that it runs itself.

use super::AwsSecretsManager;
use super::failure::{Call, code_of, incomplete};
use crate::rotation::{ErrorKind, PENDING, Result, RotationError, SecretId, VersionId};

impl AwsSecretsManager {
    /// Tells Secrets Manager to rotate now (Secrets Manager API reference, `RotateSecret`), and gives the version that it makes.
    ///
    /// # Errors
    /// `RotationDisabled` where no function is set up, `StoreConflict` where a rotation is under way, and as for reading.
    pub async fn start_rotation(&self, secret: &SecretId, version: &VersionId) -> Result<VersionId> {
        let call = Call { action: "RotateSecret", secret };
        let request = self.client.rotate_secret().secret_id(secret.as_str()).client_request_token(version.as_str());
        match self.write(request.send()).await {
            Ok(answer) => answer.version_id().map(VersionId::from_store).ok_or_else(|| incomplete(&call)),
            Err(error)
                if code_of(&error) == Some("InvalidRequestException") && call.says(&error, "previous rotation") =>
            {
                let message = format!("an earlier rotation of {secret} is not complete, and is being tried again");
                let hint = format!(
                    "wait for it, or see why it fails: the function's log says so; its version bears {PENDING} (`status`)"
                );
                Err(RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint).permanent())
            }
            // "Secrets Manager cannot invoke the specified Lambda function."
            Err(error) if code_of(&error) == Some("AccessDeniedException") && call.says(&error, "cannot invoke") => {
                let message = format!("Secrets Manager may not call the rotation function of {secret}");
                let hint = "let it: `aws lambda add-permission --function-name FUNCTION --statement-id SecretsManager --action lambda:InvokeFunction --principal secretsmanager.amazonaws.com --source-account ACCOUNT`";
                Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint))
            }
            Err(error) if code_of(&error) == Some("InvalidRequestException") && !call.says(&error, "deletion") => {
                let message = format!("no rotation function is set up for {secret}");
                let hint = "attach the function to the secret (`aws secretsmanager rotate-secret --rotation-lambda-arn`), or rotate with --local";
                Err(RotationError::new(ErrorKind::RotationDisabled, message).with_hint(hint))
            }
            Err(error) => Err(call.failed(&error)),
        }
    }
}
