# Reads the document, the client secret in it too: let `credentials` name another secret where readers must not see that.

path "secret/data/team/genesys" {
  capabilities = ["read"]
}
