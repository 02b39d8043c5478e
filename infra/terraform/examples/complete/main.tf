# A function for Genesys Cloud that rotates every four hours, and one of its own for NICE CXone, which rotates every thirty minutes.
# Each begins with an empty secret: put its value, then set attach_rotation.

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
  description = "Whether the secrets hold their values, so that they can be rotated."
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
  description = "Attach more secrets"
  value       = [module.genesys.attach_command, module.cxone.attach_command]
}
