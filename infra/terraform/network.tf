resource "aws_security_group" "function" {
  count = local.is_in_vpc ? 1 : 0

  name_prefix = "${var.name}-function-"
  description = "The rotation function ${var.name}"
  vpc_id      = var.vpc_id
  tags        = var.tags

  egress {
    description = "The platform and Secrets Manager"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "endpoint" {
  count = var.endpoint_clients_cidr != "" ? 1 : 0

  name_prefix = "${var.name}-endpoint-"
  description = "Secrets Manager endpoint of ${var.name}"
  vpc_id      = var.vpc_id
  tags        = var.tags

  ingress {
    description = "Clients in the VPC"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [var.endpoint_clients_cidr]
  }
}

resource "aws_vpc_endpoint" "secrets_manager" {
  count = var.endpoint_clients_cidr != "" ? 1 : 0

  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${local.region}.secretsmanager"
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [one(aws_security_group.endpoint[*].id)]
  private_dns_enabled = true
  tags                = var.tags
}
