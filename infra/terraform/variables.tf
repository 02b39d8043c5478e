variable "name" {
  description = "The name of the function, and the prefix of the names of its resources."
  type        = string
  default     = "genesys-rotator"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,34}$", var.name))
    error_message = "A letter followed by letters, digits and hyphens, 35 characters at most."
  }
}

variable "package" {
  description = "The path of genesys-rotator-lambda-arm64.zip, which `make package` writes to dist/."
  type        = string
}

variable "tags" {
  description = "Tags for all resources that support tags."
  type        = map(string)
  default     = {}
}

# Secrets that the function may rotate

variable "secret_name_prefix" {
  description = "The function may access only secrets whose name begins with this prefix and that are attached to it."
  type        = string
  default     = "genesys/"

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,256}$", var.secret_name_prefix))
    error_message = "The prefix of a secret name, at least one character, without a wildcard."
  }
}

variable "required_tag" {
  description = "If set, the function may access only secrets that also have the tag \"genesys-rotator\" with this value."
  type        = string
  default     = ""
}

variable "credentials_secret_arns" {
  description = "ARNs of the secrets that documents name in \"credentials\". The function may read the current value of these secrets."
  type        = list(string)
  default     = []
}

variable "admin_secret_arns" {
  description = "ARNs of the secrets that documents name in \"admin_credentials\". The function may read the current value of these secrets."
  type        = list(string)
  default     = []
}

variable "kms_key_arns" {
  description = "ARNs of the customer managed keys that encrypt the secrets. The first key encrypts the first secret."
  type        = list(string)
  default     = []
}

# A first secret

variable "first_secret" {
  description = "If set, a secret without a value is created; its name is the prefix followed by this. Store the value afterwards, so that it never passes through Terraform."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{0,200}$", var.first_secret))
    error_message = "A secret name without its prefix and without a wildcard."
  }
}

variable "attach_rotation" {
  description = "Whether to attach the function to the first secret. Enable this after the value is stored; the secret is then rotated immediately."
  type        = bool
  default     = false

  validation {
    condition     = !var.attach_rotation || var.first_secret != ""
    error_message = "attach_rotation needs first_secret."
  }
}

variable "rotation_schedule" {
  description = "The rotation schedule of the first secret, not more often than every four hours."
  type        = string
  default     = "rate(4 hours)"
}

variable "rotation_window" {
  description = "The window in which a rotation may start, such as 3h. The default is one hour for schedules in hours, and otherwise the rest of the day."
  type        = string
  default     = ""
}

# Rotation more often than every four hours, required for NICE CXone

variable "rotate_every_minutes" {
  description = "If not 0, EventBridge Scheduler rotates one secret at this interval, in addition to its own schedule. Use 30 for NICE CXone."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 20, 30, 45, 60, 90, 120, 180], var.rotate_every_minutes)
    error_message = "Must be one of 0, 20, 30, 45, 60, 90, 120, 180."
  }

  validation {
    condition     = var.rotate_every_minutes == 0 || var.first_secret != "" || var.scheduled_secret_arn != ""
    error_message = "rotate_every_minutes needs first_secret or scheduled_secret_arn."
  }
}

variable "scheduled_secret_arn" {
  description = "The ARN of the secret that EventBridge Scheduler rotates, if it is not the first secret."
  type        = string
  default     = ""
}

# Alarms and dashboard

variable "alarm_topic_arn" {
  description = "The SNS topic that receives alarms. Without a topic, alarms appear only in the console."
  type        = string
  default     = ""
}

variable "hours_without_success" {
  description = "The alarm fires if no secret was rotated for this number of hours. Use the interval of the most frequent schedule plus its window plus one hour. CloudWatch evaluates seven days at most. 0 disables the alarm."
  type        = number
  default     = 6

  validation {
    condition     = var.hours_without_success >= 0 && var.hours_without_success <= 168
    error_message = "Must be from 0 to 168."
  }
}

variable "dashboard" {
  description = "Whether to create a CloudWatch dashboard."
  type        = bool
  default     = true
}

# The function

variable "log_level" {
  description = "The log level of the function. No level logs a secret value."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info"], var.log_level)
    error_message = "Must be one of error, warn, info."
  }
}

variable "log_retention_days" {
  description = "The number of days for which logs are kept."
  type        = number
  default     = 90
}

variable "reserved_concurrency" {
  description = "If not 0, the reserved concurrency of the function, which is also its maximum."
  type        = number
  default     = 0
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the roles, if your organization requires one."
  type        = string
  default     = ""
}

# A fixed outgoing address

variable "fixed_address" {
  description = "Whether the function calls the platform from a fixed address, for allow-lists of IP addresses. Creates a VPC with a NAT gateway and an Elastic IP address. Not together with a VPC of your own."
  type        = bool
  default     = false

  validation {
    condition     = !var.fixed_address || var.vpc_id == ""
    error_message = "fixed_address creates its own VPC, so omit vpc_id."
  }
}

# A VPC of your own

variable "vpc_id" {
  description = "The VPC in which the function runs. It needs a route to the platform, such as a NAT gateway."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "The private subnets of the function, in two or more availability zones."
  type        = list(string)
  default     = []
}

variable "endpoint_clients_cidr" {
  description = "If set, a private endpoint for Secrets Manager is created in these subnets, for clients in this range. Every client in the VPC then uses it, so give the range of the VPC. Leave this empty if the VPC already has such an endpoint."
  type        = string
  default     = ""

  validation {
    condition     = var.endpoint_clients_cidr == "" || var.vpc_id != ""
    error_message = "endpoint_clients_cidr needs vpc_id and subnet_ids."
  }
}

# Secrets of another account

variable "other_account_id" {
  description = "The id of another account whose Secrets Manager may call the function."
  type        = string
  default     = ""
}

variable "other_account_secret_arns" {
  description = "ARNs of the secrets in that account that the function may rotate. Their resource policies and the policy of their key must also allow the role."
  type        = list(string)
  default     = []
}
