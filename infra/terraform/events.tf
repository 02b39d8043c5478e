locals {
  has_events       = var.rotation_events != "none"
  event_target_arn = one(concat(aws_sns_topic.event_topic[*].arn, aws_sqs_queue.event_queue[*].arn))
}

# One event for each rotation, which moves AWSCURRENT once. The labels of the rotator itself, such as ROTATOR_AHEAD, do not match. Events hold
# names and ids, and no value.
resource "aws_cloudwatch_event_rule" "event_rule" {
  count = local.has_events ? 1 : 0

  name_prefix = "${var.name}-"
  description = "The current version of a secret of ${var.name} has changed"
  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["Secret Label Updated"]
    detail = {
      labelUpdated = ["AWSCURRENT"]
      name         = [{ prefix = var.secret_name_prefix }]
    }
  })
  tags = var.tags
}

resource "aws_cloudwatch_event_target" "readers" {
  count = local.has_events ? 1 : 0

  rule      = one(aws_cloudwatch_event_rule.event_rule[*].name)
  target_id = "readers"
  arn       = local.event_target_arn

  dead_letter_config {
    arn = one(aws_sqs_queue.event_dead_letter_queue[*].arn)
  }
}

resource "aws_sns_topic" "event_topic" {
  count = var.rotation_events == "topic" ? 1 : 0

  name_prefix = "${var.name}-"
  tags        = var.tags
}

# EventBridge does not support conditions in topic policies. Another account's rule that knows the ARN can publish a false hint, which costs a
# reader one read.
resource "aws_sns_topic_policy" "event_topic" {
  count = var.rotation_events == "topic" ? 1 : 0

  arn    = one(aws_sns_topic.event_topic[*].arn)
  policy = one(data.aws_iam_policy_document.event_topic[*].json)
}

data "aws_iam_policy_document" "event_topic" {
  count = var.rotation_events == "topic" ? 1 : 0

  statement {
    sid       = "LetTheRulePublish"
    actions   = ["sns:Publish"]
    resources = aws_sns_topic.event_topic[*].arn

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

# An event that is a day old says nothing that the next rotation does not say.
resource "aws_sqs_queue" "event_queue" {
  count = var.rotation_events == "queue" ? 1 : 0

  name_prefix               = "${var.name}-"
  message_retention_seconds = 86400
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "event_queue" {
  count = var.rotation_events == "queue" ? 1 : 0

  queue_url = one(aws_sqs_queue.event_queue[*].id)
  policy    = one(data.aws_iam_policy_document.event_queue[*].json)
}

data "aws_iam_policy_document" "event_queue" {
  count = var.rotation_events == "queue" ? 1 : 0

  statement {
    sid       = "LetTheRuleSend"
    actions   = ["sqs:SendMessage"]
    resources = aws_sqs_queue.event_queue[*].arn

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = aws_cloudwatch_event_rule.event_rule[*].arn
    }
  }
}

# Receives the events that EventBridge could not deliver within a day.
resource "aws_sqs_queue" "event_dead_letter_queue" {
  count = local.has_events ? 1 : 0

  name_prefix               = "${var.name}-undelivered-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "event_dead_letter_queue" {
  count = local.has_events ? 1 : 0

  queue_url = one(aws_sqs_queue.event_dead_letter_queue[*].id)
  policy    = one(data.aws_iam_policy_document.event_dead_letter_queue[*].json)
}

data "aws_iam_policy_document" "event_dead_letter_queue" {
  count = local.has_events ? 1 : 0

  statement {
    sid       = "LetTheRuleSend"
    actions   = ["sqs:SendMessage"]
    resources = aws_sqs_queue.event_dead_letter_queue[*].arn

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = aws_cloudwatch_event_rule.event_rule[*].arn
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "events_undelivered" {
  count = local.has_events ? 1 : 0

  alarm_name          = "${var.name}-events-undelivered"
  alarm_description   = "EventBridge could not deliver an event about a new token. Readers that wait for events still have the previous token. Make them read the secret again first, then check the policy of the queue or topic, and purge the dead-letter queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = one(aws_sqs_queue.event_dead_letter_queue[*].name) }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}
