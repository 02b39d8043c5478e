# For monitoring: reads counters and the state of rotations. The answers hold no secret.

path "genesys-cloud/status" {
  capabilities = ["read", "list"]
}
path "genesys-cloud/status/*" {
  capabilities = ["read", "list"]
}
