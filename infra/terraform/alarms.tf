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

# Absent with the scheduler: a one-hour token always lives shorter than a four-hour schedule. The next alarm replaces this one.
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

resource "aws_cloudwatch_metric_alarm" "scheduled_secret" {
  count = local.is_scheduled ? 1 : 0

  alarm_name        = "${var.name}-scheduled-secret"
  alarm_description = "The secret with a rotation interval of ${var.rotate_every_minutes} minutes is more than ten minutes overdue. Read the function's log, and check that the schedule is enabled."
  # Number of five-minute periods: the interval plus ten minutes.
  evaluation_periods  = ceil((var.rotate_every_minutes + 10) / 5)
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
      dimensions  = { Secret = local.scheduled_secret_arn, Step = "finishSecret" }
      stat        = "Sum"
      period      = 300
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
