#!/usr/bin/env bash
# Cross-builds one release binary without build paths, with the list of its crates in the section .dep-v0.
set -euo pipefail

if [ $# -ne 4 ]; then
  echo 'usage: build.sh BINARY FEATURES TARGET DIRECTORY' >&2
  echo 'zig, cargo-auditable, cargo-zigbuild and cargo-lambda must be on the PATH.' >&2
  exit 2
fi
binary=$1 features=$2 target=$3 directory=$4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

# Fetch first: each registry and mirror has its own source directory, and the loop below lists them.
cargo fetch --locked --target "${target%%.*}"
flags=("--remap-path-prefix=$root=.")
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  flags+=("--remap-path-prefix=$sources=/cargo")
done
# With the component rust-src, the compiler would embed its paths.
commit=$(rustc --version --verbose | sed -n 's/^commit-hash: //p')
flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")
# Sources that build scripts write. If several prefixes match, the last one counts.
flags+=("--remap-path-prefix=$directory=/target")

# Compiler settings of the caller's environment must not affect the binary.
for name in $(compgen -e); do
  case $name in
    CARGO_BUILD_JOBS) ;;
    RUSTFLAGS | CARGO_ENCODED_RUSTFLAGS | CARGO_BUILD_* | CARGO_PROFILE_* | CARGO_TARGET_* | RUSTC_* | CC | CC_* | \
      CXX | CXX_* | AR | AR_* | *CFLAGS* | *CPPFLAGS* | LDFLAGS | AWS_LC_SYS_*) unset "$name" ;;
  esac
done
export CARGO_ENCODED_RUSTFLAGS
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
# The build must not depend on whether cmake is installed.
export AWS_LC_SYS_CMAKE_BUILDER=0
# cargo-auditable adds the list of crates. `cargo auditable` would name its wrapper by an absolute path, which is part of
# cargo's hashes, so the bytes would depend on the directory of the tool.
command -v cargo-auditable >/dev/null || fail 'cargo-auditable is not on the PATH' 'run make package, which installs it'
export RUSTC_WORKSPACE_WRAPPER=cargo-auditable
export CARGO_AUDITABLE_ORIG_ARGS='{"offline": false, "locked": true, "frozen": false, "config": []}'
export CARGO_ZIGBUILD_CACHE_DIR=$directory/cargo-zigbuild ZIG_GLOBAL_CACHE_DIR=$directory/zig

export CARGO_TARGET_DIR=$directory
arguments=(--locked --release --target "$target" --no-default-features --features "$features" --bin "$binary")
case $target in
  # cargo-lambda's own optimizations target AWS processors only and override the profile.
  *-linux-gnu*)
    cargo lambda build --compiler cargo-zigbuild --disable-optimizations --lambda-dir "$directory/lambda" "${arguments[@]}"
    cp "$directory/lambda/$binary/bootstrap" "$directory/${target%%.*}/release/$binary"
    ;;
  *) cargo zigbuild "${arguments[@]}" ;;
esac
