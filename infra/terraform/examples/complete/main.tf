# One function for Genesys Cloud that rotates every four hours, and one for NICE CXone that rotates every thirty minutes. Two secrets have no
# value: store the values, then set attach_rotation. The value of genesys/reports names another secret, which holds its credentials.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "attach_rotation" {
  description = "Whether to attach the functions. Set this after the values are stored."
  type        = bool
  default     = false
}

resource "aws_sns_topic" "on_call" {
  name = "genesys-rotator-alarms"
}

# Holds client_id and client_secret, stored outside Terraform.
resource "aws_secretsmanager_secret" "reports_client" {
  name = "genesys-credentials/reports"
}

module "genesys" {
  source = "../.."

  name                    = "genesys-rotator"
  package                 = "${path.module}/../../../../dist/genesys-rotator-lambda-arm64.zip"
  alarm_topic_arn         = aws_sns_topic.on_call.arn
  credentials_secret_arns = [aws_secretsmanager_secret.reports_client.arn]

  secrets = {
    prod = { attach_rotation = var.attach_rotation, hours_without_success = 6 }
    reports = {
      attach_rotation       = var.attach_rotation
      schedule              = "rate(12 hours)"
      window                = "3h"
      hours_without_success = 16
      document              = jsonencode({ region = "eu-west-1", credentials = aws_secretsmanager_secret.reports_client.name })
    }
  }
}

module "cxone" {
  source = "../.."

  name                  = "cxone-rotator"
  package               = "${path.module}/../../../../dist/genesys-rotator-lambda-arm64.zip"
  secret_name_prefix    = "cxone/"
  hours_without_success = 1
  alarm_topic_arn       = aws_sns_topic.on_call.arn
  secrets               = { cxone = { attach_rotation = var.attach_rotation, rotate_every_minutes = 30 } }
}

output "attach_commands" {
  description = "Commands that attach further secrets"
  value       = [module.genesys.attach_command, module.cxone.attach_command]
}
