# Configures the engine at genesys-cloud/, without access to its tokens.

path "genesys-cloud/config/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "genesys-cloud/roles/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "genesys-cloud/static-roles/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "genesys-cloud/rotate-role/*" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/rotate-token/*" {
  capabilities = ["create", "update"]
}
# Ends a token that leaked.
path "genesys-cloud/revoke/*" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/tidy" {
  capabilities = ["create", "update"]
}
path "genesys-cloud/status" {
  capabilities = ["read", "list"]
}
path "genesys-cloud/status/*" {
  capabilities = ["read", "list"]
}
# Regenerates the client secret. The engine requires sudo.
path "genesys-cloud/rotate-root/*" {
  capabilities = ["create", "update", "sudo"]
}

# Lists and revokes leases.
path "sys/leases/lookup/genesys-cloud/*" {
  capabilities = ["list", "sudo"]
}
path "sys/leases/revoke-prefix/genesys-cloud/*" {
  capabilities = ["create", "update", "sudo"]
}
path "sys/leases/revoke-force/genesys-cloud/*" {
  capabilities = ["create", "update", "sudo"]
}

# Denied even if another policy grants all of genesys-cloud/*. A policy with the exact path, such as reader.hcl, takes
# precedence: do not combine the two.
path "genesys-cloud/creds/*" {
  capabilities = ["deny"]
}
path "genesys-cloud/token/*" {
  capabilities = ["deny"]
}
path "genesys-cloud/static-creds/*" {
  capabilities = ["deny"]
}
