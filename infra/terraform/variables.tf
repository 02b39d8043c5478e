variable "name" {
  description = "The function's name, and the beginning of the names of what goes with it."
  type        = string
  default     = "genesys-rotator"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,34}$", var.name))
    error_message = "A letter, then letters, digits and hyphens, 35 in all."
  }
}

variable "package" {
  description = "The path of genesys-rotator-lambda-arm64.zip, which `make package` puts into dist/."
  type        = string
}

variable "tags" {
  description = "Tags for everything that can have tags."
  type        = map(string)
  default     = {}
}

# Which secrets the function may rotate

variable "secret_name_prefix" {
  description = "The function may touch secrets whose name begins so, and of these only those that are attached to it."
  type        = string
  default     = "genesys/"

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,256}$", var.secret_name_prefix))
    error_message = "The beginning of a secret's name, at least a character, without a wildcard."
  }
}

variable "required_tag" {
  description = "If set, such a secret must also bear the tag \"genesys-rotator\" with this value."
  type        = string
  default     = ""
}

variable "credentials_secret_arns" {
  description = "ARNs of the secrets that documents name in \"credentials\". The function may read their current value."
  type        = list(string)
  default     = []
}

variable "admin_secret_arns" {
  description = "ARNs of the secrets that documents name in \"admin_credentials\". The function may read their current value."
  type        = list(string)
  default     = []
}

variable "kms_key_arns" {
  description = "ARNs of the customer managed keys that the secrets are encrypted with; the first one encrypts the first secret."
  type        = list(string)
  default     = []
}

# A first secret

variable "first_secret" {
  description = "If set, an empty secret is made, named with the prefix before it. Its value never passes through Terraform. Put it afterwards."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{0,200}$", var.first_secret))
    error_message = "The rest of a secret's name, without a wildcard."
  }
}

variable "attach_rotation" {
  description = "Whether to have the first secret rotated. Say yes once it holds its value; it is rotated at once."
  type        = bool
  default     = false

  validation {
    condition     = !var.attach_rotation || var.first_secret != ""
    error_message = "attach_rotation needs first_secret."
  }
}

variable "rotation_schedule" {
  description = "When the first secret is rotated, not more often than every four hours."
  type        = string
  default     = "rate(4 hours)"
}

variable "rotation_window" {
  description = "The window in which a rotation may begin, such as 3h. Left empty it is an hour for schedules in hours, else the rest of the day."
  type        = string
  default     = ""
}

# More often than every four hours, which NICE CXone needs

variable "rotate_every_minutes" {
  description = "If not 0, EventBridge Scheduler has one secret rotated this often, besides its own schedule. For NICE CXone say 30."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 20, 30, 45, 60, 90, 120, 180], var.rotate_every_minutes)
    error_message = "One of 0, 20, 30, 45, 60, 90, 120, 180."
  }

  validation {
    condition     = var.rotate_every_minutes == 0 || var.first_secret != "" || var.scheduled_secret_arn != ""
    error_message = "rotate_every_minutes needs first_secret or scheduled_secret_arn."
  }
}

variable "scheduled_secret_arn" {
  description = "Which secret that is, if not the first one."
  type        = string
  default     = ""
}

# Alarms and dashboard

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms are sent to. Without one they are to be seen in the console only."
  type        = string
  default     = ""
}

variable "hours_without_success" {
  description = "Alarm if no secret at all was rotated for so many hours: the interval of the most frequent schedule and its window, and one more. CloudWatch looks back seven days at most. 0 leaves the alarm out."
  type        = number
  default     = 6

  validation {
    condition     = var.hours_without_success >= 0 && var.hours_without_success <= 168
    error_message = "From 0 to 168."
  }
}

variable "dashboard" {
  description = "Whether to make a CloudWatch dashboard."
  type        = bool
  default     = true
}

# The function

variable "log_level" {
  description = "What the function writes to its log. No level shows a secret value."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info"], var.log_level)
    error_message = "One of error, warn, info."
  }
}

variable "log_retention_days" {
  description = "For how many days the log is kept."
  type        = number
  default     = 90
}

variable "reserved_concurrency" {
  description = "If not 0, so many concurrent runs are set aside for the function, and it has no more than these."
  type        = number
  default     = 0
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the roles, where your organisation asks for one."
  type        = string
  default     = ""
}

# A VPC

variable "vpc_id" {
  description = "The VPC that the function shall run in. It needs a way out to the platform, such as a NAT gateway."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "The private subnets for that, in two zones or more."
  type        = list(string)
  default     = []
}

variable "endpoint_clients_cidr" {
  description = "If set, a private endpoint of Secrets Manager is made in these subnets, for clients in this range. Everybody in the VPC goes through it from then on, so say the VPC's own range. Leave it empty where there is such an endpoint."
  type        = string
  default     = ""

  validation {
    condition     = var.endpoint_clients_cidr == "" || var.vpc_id != ""
    error_message = "endpoint_clients_cidr needs vpc_id and subnet_ids."
  }
}

# Secrets of another account

variable "other_account_id" {
  description = "Another account, whose Secrets Manager may call the function."
  type        = string
  default     = ""
}

variable "other_account_secret_arns" {
  description = "ARNs of the secrets there that the function may rotate. Their own policies and their key's must allow it too."
  type        = list(string)
  default     = []
}
