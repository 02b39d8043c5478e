output "fixed_address" {
  description = "The address from which the function calls the platform, for allow-lists, or null"
  value       = one(aws_eip.fixed[*].public_ip)
}

output "function_arn" {
  description = "The ARN of the function"
  value       = aws_lambda_function.this.arn
}

output "function_role_arn" {
  description = "The ARN of the function's role, for the policies of secrets and keys"
  value       = aws_iam_role.function.arn
}

output "log_group_name" {
  description = "The log group of the function"
  value       = aws_cloudwatch_log_group.function.name
}

output "metric_namespace" {
  description = "The CloudWatch namespace of the metrics"
  value       = local.namespace
}

output "attach_command" {
  description = "A command that attaches the function to a secret and rotates it immediately"
  value       = "aws secretsmanager rotate-secret --secret-id ${var.secret_name_prefix}NAME --rotation-lambda-arn ${local.attached_arn} --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'"
}

output "secret_arns" {
  description = "The ARNs of the secrets, by their name without the prefix"
  value       = local.secret_arns
}

output "operator_role_arn" {
  description = "The ARN of the operators' role, or null"
  value       = one(aws_iam_role.operator[*].arn)
}

output "rotation_events_arn" {
  description = "The ARN of the queue or topic of the events, or null"
  value       = local.event_target_arn
}

output "dashboard_name" {
  description = "The name of the dashboard, or null"
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
