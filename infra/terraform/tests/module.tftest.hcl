# `terraform test` evaluates the module without an account.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:000000000000:rule/mock" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:000000000000:mock" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:000000000000:mock", id = "https://sqs.eu-west-1.amazonaws.com/000000000000/mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:genesys-rotator" }
  }
}

variables {
  package = "tests/module.tftest.hcl"
}

run "everything" {
  variables {
    alias                   = "live"
    operator_principal_arns = ["arn:aws:iam::000000000000:role/on-call"]
    other_accounts = {
      "111111111111" = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:genesys/a-AbCdEf"]
      "222222222222" = []
    }
    secrets = {
      prod       = { attach_rotation = true, hours_without_success = 6, kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/k" }
      "eu/sales" = { document = jsonencode({ region = "eu-west-1", credentials = "other/credentials", probes = [] }) }
      cxone      = { rotate_every_minutes = 30, window = "3h", attach_rotation = true }
      former     = { arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:genesys/former-AbCdEf", attach_rotation = true }
    }
  }

  assert {
    condition     = keys(aws_secretsmanager_secret.this) == ["cxone", "eu/sales", "prod"]
    error_message = "A secret with an ARN exists already."
  }
  assert {
    condition     = alltrue([for rotation in values(aws_secretsmanager_secret_rotation.this) : endswith(rotation.rotation_lambda_arn, ":genesys-rotator:live")])
    error_message = "Secrets are attached to the alias."
  }
  assert {
    condition     = join(" ", sort([for permission in values(aws_lambda_permission.alias) : permission.source_account])) == "000000000000 111111111111 222222222222"
    error_message = "Each account calls the alias for itself."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.secret["cxone"].evaluation_periods == 8 && length(aws_cloudwatch_metric_alarm.secret) == 2
    error_message = "The alarm fires ten minutes after the interval."
  }
}

run "a_queue_receives_events" {
  variables {
    rotation_events = "queue"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.event_rule[0].event_pattern).detail.labelUpdated == ["AWSCURRENT"]
    error_message = "Only the current version is an event."
  }
  assert {
    condition     = output.rotation_events_arn == "arn:aws:sqs:eu-west-1:000000000000:mock" && length(aws_sns_topic.event_topic) == 0
    error_message = "The queue is the target."
  }
}

run "a_topic_receives_events" {
  variables {
    rotation_events = "topic"
  }

  assert {
    condition     = output.rotation_events_arn == "arn:aws:sns:eu-west-1:000000000000:mock" && length(aws_sqs_queue.event_queue) == 0
    error_message = "The topic is the target."
  }
}

run "a_document_holds_no_secret_value" {
  command = plan
  variables {
    secrets = { prod = { document = jsonencode({ credentials = "x", client_secret = "y" }) } }
  }
  expect_failures = [var.secrets]
}

run "an_account_has_its_own_secrets" {
  command = plan
  variables {
    other_accounts = { "111111111111" = ["arn:aws:secretsmanager:eu-west-1:222222222222:secret:x"] }
  }
  expect_failures = [var.other_accounts]
}
