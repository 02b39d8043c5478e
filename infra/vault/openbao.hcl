# Registers the plugin when OpenBao starts and on SIGHUP. Add this to the server's configuration on every node.
# The binary prints its checksum and version: --sha256 and --version.

plugin_directory     = "/etc/openbao/plugins"
plugin_auto_register = true

plugin "secret" "vault-plugin-secrets-genesys" {
  command   = "vault-plugin-secrets-genesys"
  version   = "v0.1.0"
  sha256sum = "0000000000000000000000000000000000000000000000000000000000000000"
  env       = ["ROTATOR_LOG=info"]
}
