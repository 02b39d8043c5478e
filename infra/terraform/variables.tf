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
  description = "ARNs of the customer managed keys that encrypt the secrets. The first key encrypts new secrets."
  type        = list(string)
  default     = []
}

# Secrets that the module creates, attaches and watches

variable "secrets" {
  description = <<-EOT
    Secrets by their name without the prefix. Without a document, a secret is created without a value: store the value afterwards, so that it never passes through Terraform.
    attach_rotation: whether to attach the function. Enable this after the value is stored; the secret is then rotated immediately.
    schedule, window: the rotation schedule, not more often than every four hours, and the window in which a rotation may start, such as 3h. The default window is one hour for schedules in hours, and otherwise the rest of the day.
    rotate_every_minutes: if not 0, EventBridge Scheduler rotates the secret at this interval, in addition to its own schedule. Use 30 for NICE CXone. An alarm fires when the secret is ten minutes overdue.
    hours_without_success: if not 0, an alarm fires if this secret was not rotated for this number of hours. Use the interval of the schedule plus the window plus one hour.
    document: the initial value, as JSON that names its credentials secret. It is never written over an existing value.
    kms_key_arn: the key that encrypts the secret. The default is the first of kms_key_arns.
    arn: the ARN of an existing secret, which is then not created. Its name must begin with the prefix.
    tags: tags of the secret, in addition to the module's.
  EOT
  type = map(object({
    attach_rotation       = optional(bool, false)
    schedule              = optional(string, "rate(4 hours)")
    window                = optional(string, "")
    rotate_every_minutes  = optional(number, 0)
    hours_without_success = optional(number, 0)
    document              = optional(string, "")
    kms_key_arn           = optional(string, "")
    arn                   = optional(string, "")
    tags                  = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name, secret in var.secrets : can(regex("^[A-Za-z0-9/_+=.@-]{1,200}$", name))])
    error_message = "A key must be a secret name without its prefix and without a wildcard."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : contains([0, 20, 30, 45, 60, 90, 120, 180], secret.rotate_every_minutes)])
    error_message = "rotate_every_minutes must be one of 0, 20, 30, 45, 60, 90, 120, 180."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.hours_without_success >= 0 && secret.hours_without_success <= 168])
    error_message = "hours_without_success must be from 0 to 168."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.arn == "" || strcontains(secret.arn, ":secret:${var.secret_name_prefix}") && "${secret.document}${secret.kms_key_arn}" == ""])
    error_message = "arn must be the ARN of a secret whose name begins with secret_name_prefix. It excludes document and kms_key_arn."
  }

  # Terraform stores the document in its state.
  validation {
    condition = alltrue([
      for secret in values(var.secrets) : secret.document == "" || can(jsondecode(secret.document).credentials) && length(setintersection(
        try(keys(jsondecode(secret.document)), []),
        ["access_key_secret", "access_token", "clientSecret", "client_secret", "clients", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLOUD_CLIENT_SECRET"],
      )) == 0
    ])
    error_message = "A document must be a JSON object that names its secret with \"credentials\" and holds no secret value."
  }
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

# Events for readers

variable "rotation_events" {
  description = "Whether to create an SQS queue or an SNS topic that receives an event whenever the current version of a secret with the prefix changes."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "queue", "topic"], var.rotation_events)
    error_message = "none, queue or topic."
  }
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

variable "alias" {
  description = "An alias of the function that you created. If set, secrets may also be attached to this alias, and rotation schedules that are created here use it."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z_-][A-Za-z0-9_-]*)?$", var.alias))
    error_message = "The name of an alias, which does not begin with a digit."
  }
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

# Secrets of other accounts

variable "other_accounts" {
  description = "ARNs of secrets of other accounts that the function may rotate, by account id. The Secrets Manager of these accounts may call the function. The resource policies of the secrets and the policies of their keys must also allow the role."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for account, arns in var.other_accounts : can(regex("^[0-9]{12}$", account)) && alltrue([for arn in arns : can(regex(":secretsmanager:[a-z0-9-]+:${account}:secret:", arn))])])
    error_message = "A key must be an account id, and the ARNs must be of secrets of this account."
  }
}

# Operators

variable "operator_principal_arns" {
  description = "If set, a role NAME-operator is created with the permissions of the commands rotate, status and check, and these principals may assume it. The name of a role is global and the role applies to every region, so set this in one region."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_principal_arns : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[^*]+$", arn))])
    error_message = "ARNs of roles, users or accounts, without a wildcard."
  }
}
