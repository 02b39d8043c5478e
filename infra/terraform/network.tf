resource "aws_security_group" "function" {
  count = local.is_in_vpc ? 1 : 0

  name_prefix = "${var.name}-function-"
  description = "The rotation function ${var.name}"
  vpc_id      = var.fixed_address ? one(aws_vpc.fixed[*].id) : var.vpc_id
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

# A network of its own, with one address for everything that the function sends: the private subnet has no other way out. It is in one
# availability zone. While that zone fails, rotations fail, and readers keep their tokens.
resource "aws_vpc" "fixed" {
  count = var.fixed_address ? 1 : 0

  cidr_block = "10.0.0.0/27"
  tags       = merge(var.tags, { Name = var.name })
}

resource "aws_internet_gateway" "fixed" {
  count = var.fixed_address ? 1 : 0

  tags = var.tags
}

resource "aws_internet_gateway_attachment" "fixed" {
  count = var.fixed_address ? 1 : 0

  vpc_id              = one(aws_vpc.fixed[*].id)
  internet_gateway_id = one(aws_internet_gateway.fixed[*].id)
}

resource "aws_subnet" "public" {
  count = var.fixed_address ? 1 : 0

  vpc_id     = one(aws_vpc.fixed[*].id)
  cidr_block = "10.0.0.0/28"
  tags       = var.tags
}

resource "aws_subnet" "private" {
  count = var.fixed_address ? 1 : 0

  vpc_id            = one(aws_vpc.fixed[*].id)
  cidr_block        = "10.0.0.16/28"
  availability_zone = one(aws_subnet.public[*].availability_zone)
  tags              = var.tags
}

resource "aws_eip" "fixed" {
  count = var.fixed_address ? 1 : 0

  domain     = "vpc"
  tags       = merge(var.tags, { Name = var.name })
  depends_on = [aws_internet_gateway_attachment.fixed]
}

resource "aws_nat_gateway" "fixed" {
  count = var.fixed_address ? 1 : 0

  subnet_id     = one(aws_subnet.public[*].id)
  allocation_id = one(aws_eip.fixed[*].allocation_id)
  tags          = var.tags
}

resource "aws_route_table" "public" {
  count = var.fixed_address ? 1 : 0

  vpc_id = one(aws_vpc.fixed[*].id)
  tags   = var.tags
}

resource "aws_route_table" "private" {
  count = var.fixed_address ? 1 : 0

  vpc_id = one(aws_vpc.fixed[*].id)
  tags   = var.tags
}

resource "aws_route" "public" {
  count = var.fixed_address ? 1 : 0

  route_table_id         = one(aws_route_table.public[*].id)
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = one(aws_internet_gateway.fixed[*].id)
  depends_on             = [aws_internet_gateway_attachment.fixed]
}

resource "aws_route" "private" {
  count = var.fixed_address ? 1 : 0

  route_table_id         = one(aws_route_table.private[*].id)
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = one(aws_nat_gateway.fixed[*].id)
}

resource "aws_route_table_association" "public" {
  count = var.fixed_address ? 1 : 0

  subnet_id      = one(aws_subnet.public[*].id)
  route_table_id = one(aws_route_table.public[*].id)
}

resource "aws_route_table_association" "private" {
  count = var.fixed_address ? 1 : 0

  subnet_id      = one(aws_subnet.private[*].id)
  route_table_id = one(aws_route_table.private[*].id)
}
