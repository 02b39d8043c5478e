#!/usr/bin/env bash
# Runs for action.yml: finds, installs or builds genesys-rotator, and writes its path to GITHUB_OUTPUT.
# The variables are the action's inputs, and REPOSITORY is that of the action.
set -euo pipefail

fail() {
  printf '::error::%s\n' "$1" >&2
  exit 1
}

sum_of() {
  local sum
  sum="$( (sha256sum -- "$1" || shasum -a 256 "$1") 2>/dev/null)"
  printf %s "${sum%% *}"
}

# Whether the checksum of a file is one of the input sha256.
is_allowed() {
  local sum allowed
  sum="$(sum_of "$1")"
  for allowed in $(tr A-F a-f <<<"$SHA256"); do
    [[ $sum != "$allowed" ]] || return 0
  done
  return 1
}

# Fails unless the checksum of a file is allowed. $2 names the file in the message.
check_sum() {
  is_allowed "$1" || fail "the checksum of $2 is $(sum_of "$1"), which does not match the input sha256"
}

# Downloads the archive of VERSION, checks it, and unpacks the binary.
install_release() {
  local version=${VERSION#v} machine archive url kept status
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*$ ]] || fail "version is $VERSION, which is not a version such as 0.1.0"
  [[ -n $SHA256 ]] || fail 'version requires sha256: copy the checksum of the tar.gz from SHA256SUMS of the release that you have verified'
  [[ ${RUNNER_OS:-} == Linux ]] || fail "releases are for Linux, not for ${RUNNER_OS:-this system}: set build to true, or binary"
  case ${RUNNER_ARCH:-} in
    X64) machine=amd64 ;;
    ARM64) machine=arm64 ;;
    *) fail "releases are for X64 and ARM64, not for ${RUNNER_ARCH:-this architecture}: set build to true, or binary" ;;
  esac
  archive=genesys-rotator_${version}_linux_$machine.tar.gz
  if [[ -z ${DOWNLOAD_URL:-} ]]; then
    [[ -n ${REPOSITORY:-} ]] || fail 'this action runs from a local checkout, so download-url is required'
    DOWNLOAD_URL=${GITHUB_SERVER_URL:-https://github.com}/$REPOSITORY/releases/download
  fi
  url=${DOWNLOAD_URL%/}/v$version/$archive
  # Runners that are kept download each version once. Other jobs share this directory: a copy is checked and unpacked.
  kept=${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}/genesys-rotator
  if ! cp -- "$kept/$archive" "$place/$archive" 2>/dev/null || ! is_allowed "$place/$archive"; then
    status=0
    curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$place/$archive" -- "$url" || status=$?
    case $status in
      0) ;;
      22) fail "$url is not there: check version and download-url" ;;
      18) fail "the download of $url ended too early: run the job again" ;;
      *) fail "$url cannot be downloaded (curl status $status): check download-url and the network of the runner" ;;
    esac
    check_sum "$place/$archive" "$url"
    # A renamed file is whole. Where it cannot be kept, the next job downloads again.
    { mkdir -p "$kept" && cp -- "$place/$archive" "$kept/.$archive.$$" && mv -f -- "$kept/.$archive.$$" "$kept/$archive"; } || true
  fi
  tar -xzf "$place/$archive" -C "$place/bin" genesys-rotator || fail "$archive has no genesys-rotator"
}

# Each use has its own directory: a later one cannot replace the program of an earlier one.
mkdir -p "$RUNNER_TEMP"
place=$(mktemp -d "$RUNNER_TEMP/genesys-rotator.XXXXXX")
mkdir "$place/bin"
program=$place/bin/genesys-rotator
if [[ ${RUNNER_OS:-} == Windows ]]; then
  fail 'this action runs on Linux and macOS only'
elif [[ -z $BINARY && -n $VERSION ]]; then
  install_release
elif found="${BINARY:-$(type -P genesys-rotator || true)}" && [[ -n $found ]]; then
  [[ -f $found && -x $found ]] || fail "$found is not an executable file"
  # The checksum covers this copy, which later steps run.
  cp -- "$found" "$program"
  [[ -z $SHA256 ]] || check_sum "$program" "$found"
elif [[ -n $SHA256 ]]; then
  fail 'sha256 requires binary or version: the checksum of a build is not known in advance'
elif [[ $BUILD == true ]]; then
  # In this directory, rustup reads the toolchain version from the sources.
  cd -- "$GITHUB_ACTION_PATH/../.."
  cargo install --locked --path . --root "$place" --bin genesys-rotator --no-default-features --features cli
else
  fail 'genesys-rotator is not in PATH: set version and sha256 to install a release, binary, or build to true'
fi
"$program" --version
printf 'binary=%s\n' "$program" >>"$GITHUB_OUTPUT"
