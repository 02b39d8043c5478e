#!/usr/bin/env bash
# Registers and enables the engine in Vault or OpenBao, or upgrades it.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: register.sh [-c bao|vault] [-m MOUNT] [-e NAME=VALUE]... BINARY

  BINARY  the engine in the server's plugin_directory, or a copy of it
  -c      the command to use (default: bao if installed, otherwise vault)
  -m      the mount path (default: genesys-cloud)
  -e      an environment variable of the engine, such as ROTATOR_LOG=warn

BAO_ADDR or VAULT_ADDR sets the server. The login needs access to sys/plugins/catalog, sys/mounts and sys/plugins/reload.
USAGE
}

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit "${3:-1}"
}

command_line=$(command -v bao || command -v vault || true)
mount=genesys-cloud
environment=()
while getopts 'c:m:e:h' option; do
  case $option in
    c) command_line=$OPTARG ;;
    m) mount=${OPTARG%/} ;;
    e) environment+=("env=$OPTARG") ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { usage >&2 && exit 2; }
binary=$1

[ -x "$binary" ] || fail "$binary is not executable" "make build writes it to target/release" 2
[ -n "$command_line" ] || fail "neither bao nor vault is installed" "install one, or name it with -c" 2
case $mount in
  *sys) fail "OpenBao interprets $mount/ as a namespace marker" "choose a name that does not end in sys" 2 ;;
esac

name=vault-plugin-secrets-genesys
sum=$("$binary" --sha256)
version=$("$binary" --version)
version=${version##* }

# The API supports env in every version; the -env option does not exist in every command line.
"$command_line" write "sys/plugins/catalog/secret/$name" \
  sha256="$sum" command="$(basename "$binary")" version="$version" "${environment[@]}" >/dev/null
echo "registered $name $version"

mounts=$("$command_line" secrets list -format=json)
if [[ $mounts == *"\"$mount/\":"* ]]; then
  "$command_line" secrets tune -plugin-version="$version" "$mount/" >/dev/null
  "$command_line" plugin reload -plugin="$name" >/dev/null
  echo "reloaded $mount/"
else
  "$command_line" secrets enable -path="$mount" -plugin-version="$version" "$name" >/dev/null
  echo "enabled $mount/"
fi
