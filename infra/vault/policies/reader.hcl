# Reads tokens of the role ci only. For another role: sed 's/ci"/NAME"/' reader.hcl
# The policy "default" allows renewing leases. A lease ends with the login that requested it.

path "genesys-cloud/creds/ci" {
  capabilities = ["read"]
}
path "genesys-cloud/token/ci" {
  capabilities = ["read"]
}
path "genesys-cloud/static-creds/ci" {
  capabilities = ["read"]
}
