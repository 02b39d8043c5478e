#!/usr/bin/env bash
# Runs for `make package`: builds, packs and checks all release files, then moves them to dist/.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: package.sh WORK_DIRECTORY, with the tools of requirements.txt and the Makefile in PATH' >&2
  echo 'Without TWICE in the environment, or with a value, it builds each binary twice and compares the bytes.' >&2
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
# The formula names the address of the release.
repository=${REPOSITORY:-${GITHUB_REPOSITORY:-OWNER/genesys-rotator}}
# `--version` names it.
if commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null); then export ROTATOR_COMMIT=$commit; fi
# No binary may contain these build paths.
sysroot=$(rustc --print sysroot)
export FORBIDDEN_PATHS=$root:$work:${CARGO_HOME:-$HOME/.cargo}:$sysroot
mkdir -p "$work"
exec 9>"$work/lock"
flock --nonblock 9 || fail "another make package is running in $work" 'wait for it'
rm -rf "$work/new" "$work/beside"
mkdir -p "$work/new"
binaries=$(python3 "$scripts/artefacts.py")
# With ONLY, the start of a line of artefacts.py, one program is built for one machine, once, and packed into dist/.
ONLY=${ONLY:-}
binaries=$(grep "^$ONLY" <<<"$binaries")

built() { echo "${3:-$work}/${2%%.*}/release/$1"; }

# For zigbuild, a target ends in the glibc version. The directory of the standard library does not.
install_target() {
  local target=${1%%.*}
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    command -v rustup >/dev/null || fail "the standard library for $target is not installed" \
      'install Rust with rustup, or install the package of your distribution'
    rustup target add "$target"
  fi
  cargo fetch --quiet --locked --target "$target"
}

# Builds all binaries from the sources in $1 into $2.
build() {
  local binary features target
  while read -r binary features _ target; do
    echo "building $binary for $target in $2" >&2
    "$1/infra/package/build.sh" "$binary" "$features" "$target" "$2" </dev/null
  done <<<"$binaries"
}

# Copies the sources to $1, without what git ignores. The times stay, so unchanged programs are not rebuilt.
copy_sources() {
  rm -rf "$1"
  mkdir -p "$1"
  if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
    git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate |
      tar -C "$root" -c --null --ignore-failed-read --verbatim-files-from -T - 2>/dev/null | tar -C "$1" -x
  else
    tar -C "$root" -c --exclude=./target --exclude=./dist . | tar -C "$1" -x
  fi
}

# Builds all binaries a second time: from a copy of the sources, into another directory, with a CARGO_HOME of its own, in
# which cargo unpacks the crates again.
build_again() {
  local home=${CARGO_HOME:-$HOME/.cargo} entry
  mkdir -p "$again/cargo/registry"
  for entry in registry/cache registry/index config.toml; do
    [ ! -e "$home/$entry" ] || ln -sfn "$home/$entry" "$again/cargo/$entry"
  done
  copy_sources "$again/sources"
  CARGO_HOME=$again/cargo build "$again/sources" "$again/build"
}

compare_builds() {
  local binary target
  while read -r binary _ _ target; do
    python3 "$scripts/pack.py" --same "$(built "$binary" "$target")" "$(built "$binary" "$target" "$again/build")"
    echo "$binary for $target: two builds in different directories gave the same bytes" >&2
  done <<<"$binaries"
}

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

for target in $(cut -d' ' -f4 <<<"$binaries" | sort -u); do install_target "$target"; done
again=$work/again
if [ -n "${TWICE-yes}" ] && [ -z "$ONLY" ]; then
  # The last step of a build runs on one processor, so the two builds run side by side.
  export CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-$((($(nproc) + 1) / 2))}
  build_again >"$work/again.log" 2>&1 &
  second=$!
  build "$root" "$work" &
  wait $! && first=ready || first=failed
  wait "$second" || fail 'the second build failed' "read $work/again.log"
  [ "$first" = ready ] || exit 1
  compare_builds
else
  build "$root" "$work"
  echo 'SKIPPED: no binary was built a second time' >&2
fi
if [ -n "$ONLY" ]; then
  read -r binary _ machine target <<<"$binaries"
  rm -rf "$root/dist"
  mkdir "$root/dist"
  python3 "$scripts/pack.py" "$(built "$binary" "$target")" "$binary" "$machine" "$version" "$root/dist"
  ls "$root/dist"
  exit
fi

for binary in $(cut -d' ' -f1 <<<"$binaries" | sort -u); do
  python3 "$scripts/inventory.py" "$binary" "$work/new/$binary.cdx.json"
  if [ "$binary" = genesys-rotator-lambda ]; then
    python3 "$scripts/notices.py" "$binary" "$work/new/$binary.licenses.txt"
  else
    beside "$binary"
  fi
done
images=()
while read -r binary _ machine target; do
  files=()
  if [ -d "$work/beside/$binary" ]; then
    files=("$work/beside/$binary")
    images+=("$binary $machine=$(built "$binary" "$target")")
    python3 "$scripts/linux.py" "$(built "$binary" "$target")" "$binary" "$machine" "$version" "$work/new" \
      "$work/beside/$binary" "$work/stage"
  fi
  python3 "$scripts/pack.py" "$(built "$binary" "$target")" "$binary" "$machine" "$version" "$work/new" "${files[@]}"
done <<<"$binaries"
for binary in $(printf '%s\n' "${images[@]}" | cut -d' ' -f1 | sort -u); do
  mapfile -t machines < <(printf '%s\n' "${images[@]}" | sed -n "s/^$binary //p")
  python3 "$scripts/image.py" "$binary" "$version" "$work/new/${binary}_${version}_linux.oci.tar" "$work/beside/$binary" \
    "${machines[@]}"
done
python3 "$scripts/pack.py" --shared "$version" "$repository" "$work/new"
python3 "$scripts/pack.py" --sums "$work/new"
python3 "$scripts/verify.py" "$work/new"
rm -rf "$root/dist"
mv "$work/new" "$root/dist"
cat "$root/dist/SHA256SUMS"
