# Terraform with the Genesys Cloud provider, if no other program can run (HCP Terraform, Atlantis).
#
# An ephemeral resource is read in each run and stored in neither plan nor state. A data source of the same name would
# write the whole secret, including the client secret, to the state. Requires Terraform 1.10 or OpenTofu 1.11.

terraform {
  required_version = ">= 1.10.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.77"
    }
    genesyscloud = {
      source  = "mypurecloud/genesyscloud"
      version = "~> 1.60"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

ephemeral "aws_secretsmanager_secret_version" "genesys" {
  secret_id = "genesys/prod"
}

locals {
  genesys = jsondecode(ephemeral.aws_secretsmanager_secret_version.genesys.secret_string)
}

provider "genesyscloud" {
  access_token = local.genesys.access_token
  aws_region   = "eu-west-1"
}

data "genesyscloud_auth_division_home" "home" {}

output "home_division" {
  value = data.genesyscloud_auth_division_home.home.id
}
