# The first secret of earlier versions, whose address had no key. Terraform forgets it and deletes nothing; docs/upgrading.md imports it.
removed {
  from = aws_secretsmanager_secret.first

  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_secretsmanager_secret_rotation.first

  lifecycle {
    destroy = false
  }
}
