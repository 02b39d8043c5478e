# For `genesys-rotator rotate vault:secret/team/genesys`: KV version 2 at secret/, without the engine.

path "secret/data/team/genesys" {
  capabilities = ["read", "update"]
}
# With "credentials": "secret/private/genesys" in the document, which keeps the client secret from readers:
# path "secret/data/private/genesys" {
#   capabilities = ["read"]
# }
# The staged document, before its token is validated.
path "secret/data/genesys-rotator/pending/team/genesys" {
  capabilities = ["create", "read", "update"]
}
# For the custom metadata (expires_at, platform, rotated_by), and to keep no old tokens at the pending path.
path "secret/metadata/team/genesys" {
  capabilities = ["create", "update"]
}
path "secret/metadata/genesys-rotator/pending/team/genesys" {
  capabilities = ["create", "update"]
}
