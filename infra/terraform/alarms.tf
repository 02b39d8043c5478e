locals {
  alarm_actions = var.alarm_topic_arn != "" ? [var.alarm_topic_arn] : []
}

# Lambda's own metric also counts steps that crashed or timed out.
resource "aws_cloudwatch_metric_alarm" "rotation_failed" {
  alarm_name          = "${var.name}-rotation-failed"
  alarm_description   = "A rotation step failed. Readers still have the previous token. Secrets Manager retries. The function's log has the error (error.type) and what to do (error.hint)."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

# A throttled call does not count as an error of the function.
resource "aws_cloudwatch_metric_alarm" "function_throttled" {
  alarm_name          = "${var.name}-function-throttled"
  alarm_description   = "Lambda throttled a rotation step because the concurrency limit was reached. Raise reserved_concurrency or the account's limit."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

# FILL sets an hour without a rotation to 0. Otherwise CloudWatch would evaluate older data points in place of missing ones, and find older
# successes. If there are no data points at all, missing data is treated as breaching.
resource "aws_cloudwatch_metric_alarm" "no_rotation" {
  count = var.hours_without_success == 0 ? 0 : 1

  alarm_name          = "${var.name}-no-rotation"
  alarm_description   = "No secret was rotated for ${var.hours_without_success} hours. Tokens will expire. Check that rotation is enabled (genesys-rotator status) and that Secrets Manager may call the function, and read the function's log."
  evaluation_periods  = var.hours_without_success
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "succeeded"
    expression  = "FILL(finished, 0)"
    return_data = true
  }

  metric_query {
    id          = "finished"
    return_data = false

    metric {
      namespace   = local.namespace
      metric_name = "Successes"
      dimensions  = { Step = "finishSecret" }
      stat        = "Sum"
      period      = 3600
    }
  }
}

# Absent with the scheduler: a one-hour token always lives shorter than a four-hour schedule. The alarm of the secret replaces this one.
resource "aws_cloudwatch_metric_alarm" "token_life" {
  count = local.is_scheduled ? 0 : 1

  alarm_name          = "${var.name}-token-life"
  alarm_description   = "A new token may expire before the next rotation replaces it. Raise the OAuth client's token duration (genesys-rotator check --fix), or rotate more often."
  namespace           = local.namespace
  metric_name         = "TokenLifeShorterThanSchedule"
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 6
  datapoints_to_alarm = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

# Periods of five minutes with the scheduler (the interval plus ten minutes), otherwise of an hour.
resource "aws_cloudwatch_metric_alarm" "secret" {
  for_each = { for name, secret in var.secrets : name => secret if secret.rotate_every_minutes + secret.hours_without_success > 0 }

  alarm_name          = "${var.name}-secret-${var.secret_name_prefix}${each.key}"
  alarm_description   = "This secret is overdue: it was not rotated for ${each.value.rotate_every_minutes != 0 ? "${each.value.rotate_every_minutes + 10} minutes" : "${each.value.hours_without_success} hours"}. Its token will expire. Check that its rotation is enabled (genesys-rotator status), and read the function's log."
  evaluation_periods  = each.value.rotate_every_minutes != 0 ? ceil((each.value.rotate_every_minutes + 10) / 5) : each.value.hours_without_success
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "succeeded"
    expression  = "FILL(finished, 0)"
    return_data = true
  }

  metric_query {
    id          = "finished"
    return_data = false

    metric {
      namespace   = local.namespace
      metric_name = "Successes"
      dimensions  = { Secret = local.secret_arns[each.key], Step = "finishSecret" }
      stat        = "Sum"
      period      = each.value.rotate_every_minutes != 0 ? 300 : 3600
    }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", {
    region    = local.region
    namespace = local.namespace
    function  = aws_lambda_function.this.function_name
    log_group = aws_cloudwatch_log_group.function.name
  })
}
