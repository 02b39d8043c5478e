# Sets the engine at genesys-cloud/ up, and never sees a token of it.

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
# A new secret for the OAuth client itself: the engine asks for sudo.
path "genesys-cloud/rotate-root/*" {
  capabilities = ["create", "update", "sudo"]
}

# Who holds leases, and ending them.
path "sys/leases/lookup/genesys-cloud/*" {
  capabilities = ["list", "sudo"]
}
path "sys/leases/revoke-prefix/genesys-cloud/*" {
  capabilities = ["create", "update", "sudo"]
}
path "sys/leases/revoke-force/genesys-cloud/*" {
  capabilities = ["create", "update", "sudo"]
}

# Denied even where another policy grants all of genesys-cloud/*. A policy that names the very path, such as reader.hcl,
# would still count: give nobody both.
path "genesys-cloud/creds/*" {
  capabilities = ["deny"]
}
path "genesys-cloud/token/*" {
  capabilities = ["deny"]
}
path "genesys-cloud/static-creds/*" {
  capabilities = ["deny"]
}
