#!/bin/sh
# Runs for `make doctor`: says what this machine lacks, and for which target. Fails if `make test` cannot work.
# DOCTOR_REGISTRIES overrides the addresses that must be reachable.
cd "${0%/*}/.." || exit 2
failed=0

ok() { echo "ok: $1"; }
missing() {
  echo "missing: $1 → $2"
  failed=1
}
optional() { echo "optional: $1 → $2"; }
has() { command -v "$1" >/dev/null 2>&1; }

system="$(uname -sm 2>/dev/null)"
case $system in
  'Linux x86_64' | 'Linux aarch64') ok "$system" ;;
  *) missing "Linux on x86_64 or arm64 (${system:-unknown system})" 'make test and make package need Linux: use a virtual machine or a container' ;;
esac

# Whether cargo is at least of the minor version of $rust.
is_recent() {
  have="$(cargo --version 2>/dev/null)"
  have=${have#cargo 1.}
  [ "${have%%.*}" -ge "${rust#1.}" ] 2>/dev/null
}

rust=
while read -r name _ value; do
  [ "$name" != rust-version ] || rust=${value#\"} rust=${rust%\"}
done <Cargo.toml
if has rustup && has cargo; then
  if version="$(cargo --version 2>/dev/null)"; then
    ok "$version, selected by rust-toolchain.toml"
  else
    missing 'the Rust toolchain of rust-toolchain.toml (all targets)' 'run rustup toolchain install in this folder'
  fi
elif has cargo && ! is_recent; then
  missing "Rust $rust ($(cargo --version 2>/dev/null), all targets)" 'install rustup, which installs it: https://rustup.rs'
elif has cargo; then
  optional "rustup ($(cargo --version 2>/dev/null))" "without rustup, cargo must be $rust or newer; make package and make msrv need rustup: https://rustup.rs"
else
  missing "Rust $rust (all targets)" 'install rustup: https://rustup.rs'
fi
if has cc || has gcc || has clang; then ok 'a C compiler'; else
  missing 'a C compiler (all targets)' 'install gcc or clang, such as the package build-essential or gcc'
fi
for program in bash git tar gzip curl; do
  if has "$program"; then ok "$program"; else missing "$program (make test)" "install the package $program"; fi
done

if ! has python3; then
  missing 'Python 3.11 or newer (make test, vault-dev, scan, package)' 'install the packages python3 and python3-venv'
elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  missing "Python 3.11 or newer ($(python3 --version 2>&1); make test, vault-dev, scan, package)" 'install a newer python3, and put it first in PATH'
elif ! python3 -c 'import venv' 2>/dev/null || ! python3 -c 'import ensurepip' 2>/dev/null && ! python3 -m pip --version >/dev/null 2>&1; then
  missing 'venv and pip of Python (make test, vault-dev, scan, package)' 'install the packages python3-venv and python3-pip'
else
  ok "$(python3 --version 2>&1) with venv and pip"
fi

for registry in ${DOCTOR_REGISTRIES-https://index.crates.io/config.json https://pypi.org/simple/pip/ https://registry.npmjs.org/npm}; do
  has curl || break
  if curl --silent --fail --location --max-time 10 --output /dev/null "$registry"; then ok "$registry is reachable"; else
    optional "$registry cannot be reached" 'the first build needs it, or a mirror in the settings of cargo, pip and npm'
  fi
done

if has df; then
  place=. where='this folder'
  [ ! -d "${CARGO_TARGET_DIR:-}" ] || place=$CARGO_TARGET_DIR where=$CARGO_TARGET_DIR
  free="$(df -Pk "$place" | while read -r _ _ _ kilobytes _; do echo "$kilobytes"; done)"
  free=$((${free##*[!0-9]} / 1048576)) needed=12
  [ ! -d "${CARGO_TARGET_DIR:-target}/debug" ] || needed=2
  if [ "$free" -ge $needed ]; then ok "$free GiB of free space"; else
    missing "$needed GiB of free space in $where (make test; there are $free)" 'free some, or set CARGO_TARGET_DIR to another disk'
  fi
fi
cores="$(nproc 2>/dev/null)"
[ -z "$cores" ] || ok "$cores processors (2 run make test in about 6 minutes after the build)"

if has cargo-nextest; then ok cargo-nextest; else optional cargo-nextest 'cargo install --locked cargo-nextest: make test is faster, and prints failures first'; fi
for program in java javac; do
  if has "$program"; then ok "$program"; else optional "$program" 'install a JDK 17: without it, the Java example of docs/readers.md is not tested'; fi
done
if has systemd-analyze; then ok systemd-analyze; else optional systemd-analyze 'without it, the units in infra/systemd are not verified'; fi
exit $failed
