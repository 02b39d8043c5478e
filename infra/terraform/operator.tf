locals {
  operated_secrets   = ["arn:${local.partition}:secretsmanager:*:${local.account}:secret:${var.secret_name_prefix}*"]
  operated_functions = [for arn in local.function_arns : replace(arn, ":${local.region}:", ":*:")]
}

# The permissions of rotate, status and check on the secrets with the prefix, in every region: the name of a role is global. It cannot attach a
# function, edit a secret, or write a value.
resource "aws_iam_role" "operator" {
  count = length(var.operator_principal_arns) > 0 ? 1 : 0

  name                 = "${var.name}-operator"
  description          = "Permissions of operators of ${var.name}: rotate, status and check"
  assume_role_policy   = data.aws_iam_policy_document.operators_assume.json
  permissions_boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null
  tags                 = var.tags
}

resource "aws_iam_role_policy" "operator" {
  count = length(var.operator_principal_arns) > 0 ? 1 : 0

  name   = "operate"
  role   = one(aws_iam_role.operator[*].name)
  policy = data.aws_iam_policy_document.operator.json
}

data "aws_iam_policy_document" "operators_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.operator_principal_arns
    }
  }
}

data "aws_iam_policy_document" "operator" {
  statement {
    sid       = "ReadSecrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"]
    resources = local.operated_secrets
  }

  statement {
    sid       = "RotateAttachedSecrets"
    actions   = ["secretsmanager:RotateSecret"]
    resources = local.operated_secrets

    condition {
      test     = "StringLike"
      variable = "secretsmanager:resource/AllowRotationLambdaArn"
      values   = local.operated_functions
    }

    # The request may not attach a function.
    condition {
      test     = "Null"
      variable = "secretsmanager:RotationLambdaARN"
      values   = ["true"]
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
    for_each = length(local.kms_keys) > 0 ? [1] : []
    content {
      sid       = "DecryptThroughSecretsManager"
      actions   = ["kms:Decrypt"]
      resources = local.kms_keys

      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["secretsmanager.*.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }

  # Secrets Manager requires this permission of every caller of RotateSecret.
  statement {
    sid       = "HaveTheFunctionCalled"
    actions   = ["lambda:InvokeFunction"]
    resources = local.operated_functions
  }

  # This action does not support single resources. The list has names and no values.
  statement {
    sid       = "ListSecrets"
    actions   = ["secretsmanager:ListSecrets"]
    resources = ["*"]
  }

  # The command in the hint of a stuck rotation: aws logs tail.
  statement {
    sid       = "ReadLog"
    actions   = ["logs:FilterLogEvents"]
    resources = ["arn:${local.partition}:logs:*:${local.account}:log-group:/aws/lambda/${var.name}:*"]
  }
}
