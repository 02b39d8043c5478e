#!/usr/bin/env bash
# Registers the engine with Vault or OpenBao, and enables it; or upgrades it where it is there already.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: register.sh [-c bao|vault] [-m MOUNT] [-e NAME=VALUE]... BINARY

  BINARY  the engine as it lies in the server's plugin_directory, or the same file elsewhere
  -c      the command line to use: bao where there is one, otherwise vault
  -m      where to enable it: genesys-cloud
  -e      a variable of the engine's own environment, such as ROTATOR_LOG=debug

The server is the one of BAO_ADDR or VAULT_ADDR, and the login has to allow sys/plugins/catalog, sys/mounts and
sys/plugins/reload.
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

[ -x "$binary" ] || fail "$binary cannot be run" "make build puts it into target/release" 2
[ -n "$command_line" ] || fail "there is neither bao nor vault" "install one, or name it with -c" 2
case $mount in
  *sys) fail "OpenBao takes $mount/ for the marker of a namespace" "choose a name that does not end in sys" 2 ;;
esac

name=vault-plugin-secrets-genesys
sum=$("$binary" --sha256)
version=$("$binary" --version)
version=${version##* }

# Over the API: not every command line knows -env.
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
