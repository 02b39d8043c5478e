//! Rotations by the rotation function, which Secrets Manager invokes.

use std::time::Duration;

use aws_sdk_secretsmanager::types::RotationRulesType;
use tokio::time::sleep;
use uuid::Uuid;

use crate::ledger::RotationEnd;
use crate::secrets::Secret;
use crate::world::World;

const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:genesys-rotator";
const POLL: Duration = Duration::from_millis(20);

/// Calls RotateSecret, and waits for the end of the rotation. A version that a failed rotation left is rotated again.
pub async fn rotate(world: &World, secret: &Secret) -> RotationEnd {
    let service = &world.simulation.secrets_manager;
    let has = |labels: &[String], label: &str| labels.iter().any(|one| one == label);
    let left = service
        .versions(&secret.name)
        .into_iter()
        .find(|version| has(&version.labels, "AWSPENDING") && !has(&version.labels, "AWSCURRENT"));
    let is_left = left.is_some();
    let version = left.map_or_else(|| Uuid::new_v4().to_string(), |version| version.id);
    let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    let rotate = world.aws.rotate_secret().secret_id(&secret.name).client_request_token(&version);
    let started = rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules).send().await;
    // Secrets Manager rejects the call while a version is left, and then rotates that one again.
    if let (Err(error), false) = (started, is_left) {
        return RotationEnd::Failed(format!("RotateSecret: {}", error.into_service_error()));
    }
    while service.is_rotating(&secret.name) {
        sleep(POLL).await;
    }
    let versions = service.versions(&secret.name);
    let is_promoted = versions.iter().any(|one| one.id == version && has(&one.labels, "AWSCURRENT"));
    if is_promoted {
        return RotationEnd::Promoted;
    }
    let outcomes = service.rotation_outcomes();
    let outcome = outcomes.iter().rfind(|outcome| outcome.version_id == version);
    let failure = outcome.and_then(|outcome| outcome.failures.last());
    RotationEnd::Failed(failure.map_or_else(|| "unknown".to_owned(), |(_, error)| error.error_type.clone()))
}
