#!/usr/bin/env bash
# Cross-builds one release binary without build paths.
set -euo pipefail

if [ $# -ne 4 ]; then
  echo 'usage: build.sh BINARY FEATURES TARGET DIRECTORY, with zig, cargo-zigbuild and cargo-lambda on the PATH' >&2
  exit 2
fi
binary=$1 features=$2 target=$3 directory=$4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

# For zigbuild, a target ends in the glibc version. The directory of the standard library does not.
standard_library=$(rustc --print sysroot)/lib/rustlib/${target%%.*}
if [ ! -d "$standard_library" ]; then
  command -v rustup >/dev/null || fail "the standard library for ${target%%.*} is not installed" \
    "install Rust with rustup, or install the package of your distribution"
  rustup target add "${target%%.*}"
fi

# Fetch first: each registry and mirror has its own source directory, and the loop below lists them.
cargo fetch --locked --target "${target%%.*}"
flags=("--remap-path-prefix=$root=.")
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  flags+=("--remap-path-prefix=$sources=/cargo")
done
# With the component rust-src, the compiler would embed its paths.
commit=$(rustc --version --verbose | sed -n 's/^commit-hash: //p')
flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")

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
