# Terraform or OpenTofu with the Genesys Cloud provider, run as
#
#   genesys-rotator exec genesys/prod --minimum-life 1h -- terraform apply
#
# The environment provides the token and the region. The configuration, the plan and the state contain no secret value.

terraform {
  required_version = ">= 1.6.0"

  required_providers {
    genesyscloud = {
      source  = "mypurecloud/genesyscloud"
      version = "~> 1.60"
    }
  }
}

provider "genesyscloud" {}

data "genesyscloud_auth_division_home" "home" {}

output "home_division" {
  value = data.genesyscloud_auth_division_home.home.id
}
