# Made without a value, so that no state and no plan ever holds a client secret. Destroying it leaves 30 days to restore it.
resource "aws_secretsmanager_secret" "first" {
  count = var.first_secret != "" ? 1 : 0

  name                    = "${var.secret_name_prefix}${var.first_secret}"
  description             = "An API token that ${var.name} keeps fresh"
  kms_key_id              = length(var.kms_key_arns) > 0 ? var.kms_key_arns[0] : null
  recovery_window_in_days = 30
  tags                    = merge(var.tags, var.required_tag != "" ? { "genesys-rotator" = var.required_tag } : {})
}

resource "aws_secretsmanager_secret_rotation" "first" {
  count = var.attach_rotation ? 1 : 0

  secret_id           = one(aws_secretsmanager_secret.first[*].arn)
  rotation_lambda_arn = aws_lambda_function.this.arn
  rotate_immediately  = true

  rotation_rules {
    schedule_expression = var.rotation_schedule
    duration            = var.rotation_window != "" ? var.rotation_window : null
  }

  depends_on = [aws_lambda_permission.secrets_manager]
}

resource "aws_scheduler_schedule" "rotation" {
  count = local.is_scheduled ? 1 : 0

  name                = var.name
  description         = "Has ${var.name} rotate a secret more often than Secrets Manager would"
  schedule_expression = "rate(${var.rotate_every_minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    role_arn = one(aws_iam_role.schedule[*].arn)
    # Secrets Manager wants a token of 32 to 64 characters, which becomes the version's id. jsonencode would write the angle brackets as
    # escapes, which the scheduler does not know for its own.
    input = "{\"SecretId\": \"${local.scheduled_secret_arn}\", \"ClientRequestToken\": \"genesys-rotator-on-schedule-<aws.scheduler.execution-id>\"}"

    # Whatever is missed is made up for by the next one.
    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 300
    }
  }
}
