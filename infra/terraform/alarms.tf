locals {
  alarm_actions = var.alarm_topic_arn != "" ? [var.alarm_topic_arn] : []
}

# Counted by Lambda itself, so that a step which was cut short or crashed counts as well.
resource "aws_cloudwatch_metric_alarm" "rotation_failed" {
  alarm_name          = "${var.name}-rotation-failed"
  alarm_description   = "A step of a rotation failed. Readers still have the former token. Secrets Manager tries again by itself; the function's log says what is wrong and what to do (error.type, error.hint)."
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

# A call that is turned away for want of a place is no error of the function.
resource "aws_cloudwatch_metric_alarm" "function_throttled" {
  alarm_name          = "${var.name}-function-throttled"
  alarm_description   = "Lambda turned a step of a rotation away because too many functions ran at once. Raise reserved_concurrency, or the account's limit."
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

# An hour without a rotation is filled with 0: CloudWatch looks further back than it is told where data points are missing, and would find
# older successes there. Where there are none at all, missing data counts as bad.
resource "aws_cloudwatch_metric_alarm" "no_rotation" {
  count = var.hours_without_success == 0 ? 0 : 1

  alarm_name          = "${var.name}-no-rotation"
  alarm_description   = "No secret at all was rotated for ${var.hours_without_success} hours. Tokens will expire. See whether rotation is switched on (genesys-rotator status), whether Secrets Manager may call the function, and what its log says."
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

# Left out with the scheduler: a token that lives an hour never lives as long as a schedule of four, and the alarm after this one watches.
resource "aws_cloudwatch_metric_alarm" "token_life" {
  count = local.is_scheduled ? 0 : 1

  alarm_name          = "${var.name}-token-life"
  alarm_description   = "A new token may expire before the next rotation has replaced it. Raise the OAuth client's token duration (genesys-rotator check --fix), or rotate more often."
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
  alarm_description = "The secret that is to be rotated every ${var.rotate_every_minutes} minutes has not been for ten minutes longer than that. See what the function's log says, and whether the schedule is on."
  # Periods of five minutes: the interval and ten minutes.
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
