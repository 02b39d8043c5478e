#!/usr/bin/env bash
# Runs OpenBao's dev server with the engine enabled and configured, and a simulated Genesys Cloud. Both stop with this script.
# It listens on loopback only and keeps no data. `make vault-dev` runs it.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: [VAULT_DEV_PORT=8200] dev.sh BAO DIRECTORY-OF-THE-BINARIES" >&2
  exit 2
fi
bao=$1 binaries=$2
port=${VAULT_DEV_PORT:-8200}
client=5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10
secret=simulated

# Settings of another simulator or account must not reach this one.
for name in $(compgen -e ROTATOR_); do unset "$name"; done

home=$(mktemp -d)
processes=()
clean_up() {
  trap '' INT TERM
  [ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2>/dev/null || true
  wait
  rm -rf "$home"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$home/plugins" "$home/sockets"
cp "$binaries/vault-plugin-secrets-genesys" "$home/plugins/"
echo "plugin_directory = \"$home/plugins\"" >"$home/config.hcl"

"$binaries/genesys-rotator" sim --client "$client:$secret" >"$home/simulator" 2>"$home/simulator-log" &
processes+=($!)
HOME=$home TMPDIR=$home/sockets "$bao" server -dev -dev-no-store-token -dev-root-token-id=root -log-level=warn \
  -dev-listen-address="127.0.0.1:$port" -config="$home/config.hcl" >"$home/log" 2>&1 &
processes+=($!)

export BAO_ADDR="http://127.0.0.1:$port" BAO_TOKEN=root
until [ -s "$home/simulator" ] && grep -q 'server started!' "$home/log"; do
  for process in "${processes[@]}"; do
    kill -0 "$process" 2>/dev/null || {
      cat "$home/log" "$home/simulator-log" >&2
      echo "hint: if port $port is in use, set VAULT_DEV_PORT to another port" >&2
      exit 1
    }
  done
  sleep 0.1
done
simulator=$(sed 's/^{"genesys":"\([^"]*\)".*/\1/' "$home/simulator")

{
  "$(dirname "$0")/register.sh" -c "$bao" -e ROTATOR_LOGIN_URL="$simulator" -e ROTATOR_API_URL="$simulator" \
    "$home/plugins/vault-plugin-secrets-genesys"
  printf %s "$secret" | "$bao" write genesys-cloud/config/main region=mypurecloud.ie client_id="$client" client_secret=-
  "$bao" write genesys-cloud/roles/ci config=main ttl=15m
  "$bao" write genesys-cloud/static-roles/ci config=main rotation_period=1h
} >"$home/set-up" 2>&1 || {
  cat "$home/set-up" "$home/log" >&2
  exit 1
}

cat <<TRY
OpenBao runs at $BAO_ADDR, with the engine at genesys-cloud/ and a simulated Genesys Cloud. In another terminal, run:

  BAO_ADDR=$BAO_ADDR BAO_TOKEN=root $bao read genesys-cloud/creds/ci
  BAO_ADDR=$BAO_ADDR BAO_TOKEN=root $bao read genesys-cloud/token/ci
  BAO_ADDR=$BAO_ADDR BAO_TOKEN=root $bao read genesys-cloud/static-creds/ci

Ctrl-C stops both.
TRY
wait
