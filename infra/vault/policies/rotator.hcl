# Has static roles rotated at once, from a pipeline or by hand. The engine rotates them by itself as well.

path "genesys-cloud/rotate-role/*" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/static-roles/*" {
  capabilities = ["read", "list"]
}
