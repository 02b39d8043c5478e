# Reads tokens of the role ci, and of no other. For another role: sed 's/ci"/NAME"/' reader.hcl
# Renewing its leases is in the policy "default" already; a lease ends with the login that took it.

path "genesys-cloud/creds/ci" {
  capabilities = ["read"]
}
path "genesys-cloud/token/ci" {
  capabilities = ["read"]
}
path "genesys-cloud/static-creds/ci" {
  capabilities = ["read"]
}
