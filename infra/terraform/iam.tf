locals {
  other_account_secret_arns = flatten(values(var.other_accounts))
}

data "aws_iam_policy_document" "lambda_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name                 = "${var.name}-function-${local.region}"
  description          = "Permissions of the rotation function"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null
  tags                 = var.tags
}

resource "aws_iam_role_policy" "function" {
  name   = "rotation"
  role   = aws_iam_role.function.name
  policy = data.aws_iam_policy_document.function.json
}

data "aws_iam_policy_document" "function" {
  statement {
    sid = "RotateAttachedSecrets"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:ListSecretVersionIds",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${var.secret_name_prefix}*"]

    # A document may name any secret. This condition denies secrets that the function does not rotate.
    condition {
      test     = "StringEquals"
      variable = "secretsmanager:resource/AllowRotationLambdaArn"
      values   = local.function_arns
    }

    dynamic "condition" {
      for_each = var.required_tag != "" ? [1] : []
      content {
        test     = "StringEquals"
        variable = "aws:ResourceTag/genesys-rotator"
        values   = [var.required_tag]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.credentials_secret_arns) > 0 ? [1] : []
    content {
      sid       = "ReadCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.credentials_secret_arns

      condition {
        test     = "StringEquals"
        variable = "secretsmanager:VersionStage"
        values   = ["AWSCURRENT"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.admin_secret_arns) > 0 ? [1] : []
    content {
      sid       = "ReadAdminCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.admin_secret_arns

      condition {
        test     = "StringEquals"
        variable = "secretsmanager:VersionStage"
        values   = ["AWSCURRENT"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(local.other_account_secret_arns) > 0 ? [1] : []
    content {
      sid = "RotateSecretsOfOtherAccounts"
      actions = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
      ]
      resources = local.other_account_secret_arns
    }
  }

  dynamic "statement" {
    for_each = length(local.kms_keys) > 0 ? [1] : []
    content {
      sid       = "UseKeysThroughSecretsManager"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = local.kms_keys

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${local.region}.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:*"]
  }

  # Lambda creates network interfaces with the function's role. EC2 supports these actions only on all resources, so the next statement
  # denies them to the function's code (Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC").
  dynamic "statement" {
    for_each = local.is_in_vpc ? [1] : []
    content {
      sid = "LetLambdaConnectToTheVpc"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.is_in_vpc ? [1] : []
    content {
      sid    = "KeepTheFunctionFromIt"
      effect = "Deny"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.function_arn]
      }
    }
  }
}

data "aws_iam_policy_document" "scheduler_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "schedule" {
  count = local.is_scheduled ? 1 : 0

  name                 = "${var.name}-schedule-${local.region}"
  description          = "Permissions of the rotation schedule"
  assume_role_policy   = data.aws_iam_policy_document.scheduler_assumes.json
  permissions_boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null
  tags                 = var.tags
}

resource "aws_iam_role_policy" "schedule" {
  count = local.is_scheduled ? 1 : 0

  name   = "rotate"
  role   = one(aws_iam_role.schedule[*].name)
  policy = one(data.aws_iam_policy_document.schedule[*].json)
}

data "aws_iam_policy_document" "schedule" {
  count = local.is_scheduled ? 1 : 0

  statement {
    sid       = "Rotate"
    actions   = ["secretsmanager:RotateSecret"]
    resources = [for name in keys(local.scheduled) : local.secret_arns[name]]
  }

  # Secrets Manager requires this permission of every caller of RotateSecret.
  statement {
    sid       = "HaveTheFunctionCalled"
    actions   = ["lambda:InvokeFunction"]
    resources = local.function_arns
  }
}
