# Created without a value, so that neither state nor plan contains a client secret. After a destroy it can be restored for 30 days.
resource "aws_secretsmanager_secret" "first" {
  count = var.first_secret != "" ? 1 : 0

  name                    = "${var.secret_name_prefix}${var.first_secret}"
  description             = "API token rotated by ${var.name}"
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
  description         = "Calls RotateSecret for ${var.name} more often than Secrets Manager can"
  schedule_expression = "rate(${var.rotate_every_minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    role_arn = one(aws_iam_role.schedule[*].arn)
    # Secrets Manager requires a token of 32 to 64 characters, which becomes the version id. No jsonencode: it escapes the angle brackets,
    # and the scheduler would not replace the placeholder.
    input = "{\"SecretId\": \"${local.scheduled_secret_arn}\", \"ClientRequestToken\": \"genesys-rotator-on-schedule-<aws.scheduler.execution-id>\"}"

    # The next call makes up for a missed one.
    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 300
    }
  }
}
