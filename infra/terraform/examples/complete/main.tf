# One function for Genesys Cloud that rotates every four hours, and one for NICE CXone that rotates every thirty minutes.
# Each has a secret without a value: store the value, then set attach_rotation.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
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

module "genesys" {
  source = "../.."

  name            = "genesys-rotator"
  package         = "${path.module}/../../../../dist/genesys-rotator-lambda-arm64.zip"
  first_secret    = "token"
  attach_rotation = var.attach_rotation
  alarm_topic_arn = aws_sns_topic.on_call.arn
}

module "cxone" {
  source = "../.."

  name                  = "cxone-rotator"
  package               = "${path.module}/../../../../dist/genesys-rotator-lambda-arm64.zip"
  secret_name_prefix    = "cxone/"
  first_secret          = "token"
  attach_rotation       = var.attach_rotation
  rotate_every_minutes  = 30
  hours_without_success = 1
  alarm_topic_arn       = aws_sns_topic.on_call.arn
}

output "attach_commands" {
  description = "Commands that attach further secrets"
  value       = [module.genesys.attach_command, module.cxone.attach_command]
}
