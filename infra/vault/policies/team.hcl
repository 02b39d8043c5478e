# For a team that manages its own roles: writes roles whose names begin with reports-, and reads their tokens. It can use
# only the configs whose allowed_roles has reports-*. For another team: sed 's/reports-/NAME-/' team.hcl

path "genesys-cloud/roles/reports-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "genesys-cloud/static-roles/reports-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "genesys-cloud/rotate-role/reports-*" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/creds/reports-*" {
  capabilities = ["read"]
}
path "genesys-cloud/token/reports-*" {
  capabilities = ["read"]
}
path "genesys-cloud/static-creds/reports-*" {
  capabilities = ["read"]
}
