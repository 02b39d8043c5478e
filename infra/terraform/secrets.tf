locals {
  secret_arns = {
    for name, secret in var.secrets : name => secret.arn != "" ? secret.arn : aws_secretsmanager_secret.this[name].arn
  }
  scheduled = { for name, secret in var.secrets : name => secret if secret.rotate_every_minutes != 0 }

  # The key of each secret; null without one.
  secret_keys = { for name, secret in var.secrets : name => try(coalesce(secret.kms_key_arn, var.kms_key_arns...), null) }
  kms_keys    = distinct(concat(var.kms_key_arns, [for secret in values(var.secrets) : secret.kms_key_arn if secret.kms_key_arn != ""]))
}

# Created without a value, so that neither state nor plan contains a client secret. After a destroy it can be restored for 30 days.
resource "aws_secretsmanager_secret" "this" {
  for_each = { for name, secret in var.secrets : name => secret if secret.arn == "" }

  name                    = "${var.secret_name_prefix}${each.key}"
  description             = "API token rotated by ${var.name}"
  kms_key_id              = local.secret_keys[each.key]
  recovery_window_in_days = 30
  tags                    = merge(var.tags, var.required_tag != "" ? { "genesys-rotator" = var.required_tag } : {}, each.value.tags)
}

# A version with this label only: Secrets Manager adds AWSCURRENT if the version is the first one (API reference, PutSecretValue), and never moves
# AWSCURRENT away from a rotated value. The label also keeps the version, which Terraform would otherwise write again after about a hundred rotations.
resource "aws_secretsmanager_secret_version" "document" {
  for_each = { for name, secret in var.secrets : name => secret if secret.document != "" && secret.arn == "" }

  secret_id      = aws_secretsmanager_secret.this[each.key].id
  secret_string  = each.value.document
  version_stages = ["INITIAL_DOCUMENT"]

  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = { for name, secret in var.secrets : name => secret if secret.attach_rotation }

  secret_id           = local.secret_arns[each.key]
  rotation_lambda_arn = local.attached_arn
  rotate_immediately  = true

  rotation_rules {
    schedule_expression = each.value.schedule
    duration            = each.value.window != "" ? each.value.window : null
  }

  depends_on = [aws_lambda_permission.secrets_manager, aws_lambda_permission.alias, aws_secretsmanager_secret_version.document]
}

resource "aws_scheduler_schedule" "rotation" {
  for_each = local.scheduled

  name_prefix         = "${var.name}-"
  description         = "Calls RotateSecret for ${var.name} more often than Secrets Manager can"
  schedule_expression = "rate(${each.value.rotate_every_minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    role_arn = one(aws_iam_role.schedule[*].arn)
    # Secrets Manager requires a token of 32 to 64 characters, which becomes the version id. No jsonencode: it escapes the angle brackets,
    # and the scheduler would not replace the placeholder.
    input = "{\"SecretId\": \"${local.secret_arns[each.key]}\", \"ClientRequestToken\": \"genesys-rotator-on-schedule-<aws.scheduler.execution-id>\"}"

    # The next call makes up for a missed one.
    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 300
    }
  }
}
