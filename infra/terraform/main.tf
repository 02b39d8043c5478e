data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  # Built from the name: the role refers to the function before it exists.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"
  namespace    = "GenesysRotator/${var.name}"
  is_in_vpc    = var.vpc_id != "" || var.fixed_address
  is_scheduled = length(local.scheduled) > 0

  # The ARNs to which a secret may be attached.
  function_arns = var.alias != "" ? [local.function_arn, "${local.function_arn}:${var.alias}"] : [local.function_arn]
  # The ARN to which this module attaches secrets. It refers to the function, so that the function exists.
  attached_arn = var.alias != "" ? "${aws_lambda_function.this.arn}:${var.alias}" : aws_lambda_function.this.arn
}

# Secrets Manager waits for the answer and retries a failed rotation, so a dead-letter queue would stay empty. To roll
# back, apply with the previous package, or move the alias.
resource "aws_lambda_function" "this" {
  function_name    = var.name
  description      = "Rotates API tokens of Genesys Cloud and NICE CXone for Secrets Manager"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  # Lambda's minimum, and more than ten times what the function uses.
  memory_size = 128
  # A step computes for less than a second. The rest covers waiting: for the lease of another rotation 45 seconds, for a rate-limited platform
  # most of a minute, for a new client secret to propagate ten seconds. A step without an answer ends two seconds before the timeout.
  timeout                        = 90
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
      subnet_ids         = var.fixed_address ? aws_subnet.private[*].id : var.subnet_ids
      security_group_ids = [one(aws_security_group.function[*].id)]
    }
  }

  # In a VPC, Lambda needs the permissions of the role when it creates the function. Without the routes, the function reaches nothing.
  depends_on = [aws_iam_role_policy.function, aws_route.private, aws_route_table_association.private]
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# source_account prevents calls on behalf of other accounts. source_arn is absent, because it would limit the function to one secret
# (Secrets Manager user guide, "Permissions for rotation").
resource "aws_lambda_permission" "secrets_manager" {
  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_lambda_permission" "other_account" {
  for_each = var.other_accounts

  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = each.key
}

# A permission on the function does not cover calls of an alias.
resource "aws_lambda_permission" "alias" {
  for_each = toset(var.alias != "" ? concat([local.account], keys(var.other_accounts)) : [])

  function_name  = aws_lambda_function.this.function_name
  qualifier      = var.alias
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = each.key
}
