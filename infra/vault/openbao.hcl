# OpenBao registers the plugin by itself when it starts, and on SIGHUP. Beside the server's other settings; on every node.
# Take the checksum and the version from the binary: --sha256 and --version.

plugin_directory     = "/etc/openbao/plugins"
plugin_auto_register = true

plugin "secret" "vault-plugin-secrets-genesys" {
  command   = "vault-plugin-secrets-genesys"
  version   = "v0.1.0"
  sha256sum = "0000000000000000000000000000000000000000000000000000000000000000"
  env       = ["ROTATOR_LOG=info"]
}
