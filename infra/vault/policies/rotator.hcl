# Rotates static roles immediately, from a pipeline or manually. The engine also rotates them on schedule.

path "genesys-cloud/rotate-role/*" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/static-roles/*" {
  capabilities = ["read", "list"]
}
