#!/usr/bin/env bash
# Builds the programs of another commit, for `make upgrades`. They are left in DIRECTORY/COMMIT/bin.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo 'usage: build.sh COMMIT DIRECTORY' >&2
  exit 2
fi
commit=$1 directory=$2/$1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
git rev-parse --quiet --verify "$commit^{commit}" >/dev/null || {
  printf 'error: there is no commit %s\nhint: name a commit or a tag of this repository: make upgrades FROM=v0.1.0\n' "$commit" >&2
  exit 1
}
rm -rf "$directory"
mkdir -p "$directory/bin"
# The sources are new for cargo, although the commit is old.
git archive "$commit" | tar -xm -C "$directory"
# The folder is within this workspace, which does not list it as a member.
grep -q '^\[workspace\]' "$directory/Cargo.toml" || printf '\n[workspace]\n' >>"$directory/Cargo.toml"
programs=(genesys-rotator genesys-rotator-lambda vault-plugin-secrets-genesys)
cd "$directory"
cargo build --locked "${programs[@]/#/--bin=}" --target-dir ../build
cp "${programs[@]/#/../build/debug/}" bin/
