#!/usr/bin/env bash
# Cross-builds one release binary, in such a way that it does not show where it was built.
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

# zigbuild reads the oldest glibc off the end of a target. The standard library's name has none.
standard_library=$(rustc --print sysroot)/lib/rustlib/${target%%.*}
if [ ! -d "$standard_library" ]; then
  command -v rustup >/dev/null || fail "this Rust has no standard library for ${target%%.*}" \
    "install Rust with rustup, or the package of your distribution that holds it"
  rustup target add "${target%%.*}"
fi

# The sources have to be there before their directories can be listed: each registry and each mirror has its own.
cargo fetch --locked --target "${target%%.*}"
flags=("--remap-path-prefix=$root=.")
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  flags+=("--remap-path-prefix=$sources=/cargo")
done
# Where the component rust-src is installed, the compiler would name its files.
commit=$(rustc --version --verbose | sed -n 's/^commit-hash: //p')
flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")

# Nothing that the caller's shell happens to set may get into the binary.
for name in $(compgen -e); do
  case $name in
    CARGO_BUILD_JOBS) ;;
    RUSTFLAGS | CARGO_ENCODED_RUSTFLAGS | CARGO_BUILD_* | CARGO_PROFILE_* | CARGO_TARGET_* | RUSTC_* | CC | CC_* | \
      CXX | CXX_* | AR | AR_* | *CFLAGS* | *CPPFLAGS* | LDFLAGS | AWS_LC_SYS_*) unset "$name" ;;
  esac
done
export CARGO_ENCODED_RUSTFLAGS
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
# With cmake on the machine the C library would be built in another way than without.
export AWS_LC_SYS_CMAKE_BUILDER=0
export CARGO_ZIGBUILD_CACHE_DIR=$directory/cargo-zigbuild ZIG_GLOBAL_CACHE_DIR=$directory/zig

export CARGO_TARGET_DIR=$directory
arguments=(--locked --release --target "$target" --no-default-features --features "$features" --bin "$binary")
case $target in
  # Its own optimizations would be for the processors of AWS alone, and would not be the profile's.
  *-linux-gnu*)
    cargo lambda build --compiler cargo-zigbuild --disable-optimizations --lambda-dir "$directory/lambda" "${arguments[@]}"
    cp "$directory/lambda/$binary/bootstrap" "$directory/${target%%.*}/release/$binary"
    ;;
  *) cargo zigbuild "${arguments[@]}" ;;
esac
