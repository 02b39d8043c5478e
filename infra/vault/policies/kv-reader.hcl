# Reads the document, including the client secret. To hide it from readers, name another secret in `credentials`.

path "secret/data/team/genesys" {
  capabilities = ["read"]
}
