#!/usr/bin/env bash
# Runs for `make package`: builds, packs and checks all release files, then moves them to dist/.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: package.sh WORK_DIRECTORY, with the tools of requirements.txt and cargo-cyclonedx in PATH' >&2
  exit 2
fi
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$scripts/../.." && pwd)
work=$(realpath -m "$1")

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail 'releases can only be built on Linux' 'use a container or a virtual machine'

version=$(sed -n '0,/^version = "\(.*\)"$/s//\1/p' "$root/Cargo.toml")
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct) || fail "$root is not a git clone, so the commit time is unknown" \
    'set SOURCE_DATE_EPOCH to the timestamp of the archives, in seconds since 1970'
  [ -z "$(git -C "$root" status --porcelain)" ] ||
    echo 'warning: uncommitted changes: the release cannot be reproduced' >&2
fi
export SOURCE_DATE_EPOCH
# `--version` names it.
if commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null); then export ROTATOR_COMMIT=$commit; fi
# No binary may contain these build paths.
export FORBIDDEN_PATHS=$root:$work:${CARGO_HOME:-$HOME/.cargo}:$(rustc --print sysroot)
rm -rf "$work/new" "$work/beside"
mkdir -p "$work/new"

built() { echo "$work/${2%%.*}/release/$1"; }

# Collects the other files of an archive. The command line built for this machine writes completions and manual pages.
beside() {
  mkdir -p "$work/beside/$1"
  cp "$root/LICENSE" "$root/README.md" "$work/beside/$1/"
  python3 "$scripts/notices.py" "$1" "$work/beside/$1/THIRD-PARTY-LICENSES.txt"
  [ "$1" = genesys-rotator ] || return 0
  local program directory=$work/beside/$1/completions
  program=$(built "$1" "$(uname -m)-unknown-linux-musl")
  mkdir "$directory"
  "$program" completions bash >"$directory/$1.bash"
  "$program" completions fish >"$directory/$1.fish"
  "$program" completions zsh >"$directory/_$1"
  if "$program" man --help >/dev/null 2>&1; then
    "$program" man "$work/beside/$1/man/man1" >/dev/null
  fi
}

binaries=$(python3 "$scripts/artefacts.py")
while read -r binary features _ target; do
  echo "building $binary for $target" >&2
  "$scripts/build.sh" "$binary" "$features" "$target" "$work" </dev/null
done <<<"$binaries"

for binary in $(cut -d' ' -f1 <<<"$binaries" | sort -u); do
  python3 "$scripts/inventory.py" "$binary" "$work/new/$binary.cdx.json"
  if [ "$binary" = genesys-rotator-lambda ]; then
    python3 "$scripts/notices.py" "$binary" "$work/new/$binary.licenses.txt"
  else
    beside "$binary"
  fi
done
while read -r binary _ machine target; do
  files=()
  [ ! -d "$work/beside/$binary" ] || files=("$work/beside/$binary")
  python3 "$scripts/pack.py" "$(built "$binary" "$target")" "$binary" "$machine" "$version" "$work/new" "${files[@]}"
done <<<"$binaries"
python3 "$scripts/pack.py" --sums "$work/new"
python3 "$scripts/verify.py" "$work/new"
rm -rf "$root/dist"
mv "$work/new" "$root/dist"
cat "$root/dist/SHA256SUMS"
