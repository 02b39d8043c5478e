data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # Known before the function is, because its role speaks of it.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"
  namespace    = "GenesysRotator/${var.name}"
  is_in_vpc    = var.vpc_id != ""
  is_scheduled = var.rotate_every_minutes != 0

  scheduled_secret_arn = var.scheduled_secret_arn != "" ? var.scheduled_secret_arn : one(aws_secretsmanager_secret.first[*].arn)
}

# Secrets Manager calls it and waits for the answer, and tries a failed rotation again by itself: a dead-letter queue would stay empty.
# It calls the ARN without an alias, so the way back from a new version is to apply with the former package.
resource "aws_lambda_function" "this" {
  function_name    = var.name
  description      = "Rotates API tokens of Genesys Cloud and NICE CXone for Secrets Manager"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  # The least that there is, and more than ten times what it takes.
  memory_size = 128
  # A step works for less than a second. The rest is for waiting, when a platform asks to be left alone for most of a minute, or takes ten
  # seconds to know a new client secret. A step that gets no answer ends by itself two seconds before.
  timeout                        = 60
  role                           = aws_iam_role.function.arn
  reserved_concurrent_executions = var.reserved_concurrency == 0 ? -1 : var.reserved_concurrency
  tags                           = var.tags

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function.name
  }

  environment {
    variables = {
      ROTATOR_LOG              = var.log_level
      ROTATOR_METRIC_NAMESPACE = local.namespace
    }
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [1] : []
    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = [one(aws_security_group.function[*].id)]
    }
  }

  # In a VPC Lambda needs the role's permissions from the beginning.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# Without the account, anybody's Secrets Manager could be told to call the function. With a secret's ARN besides, the function could
# rotate that one alone (Secrets Manager user guide, "Permissions for rotation").
resource "aws_lambda_permission" "secrets_manager" {
  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_lambda_permission" "other_account" {
  count = var.other_account_id != "" ? 1 : 0

  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.other_account_id
}
