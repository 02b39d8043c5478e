#!/usr/bin/env bash
# Checks that a tag names the version of Cargo.toml, Cargo.lock and CHANGELOG.md, before a release is built.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: check-version.sh TAG, such as v0.1.0' >&2
  exit 2
fi
tag=$1
cd "${RELEASE_SOURCES:-$(dirname "${BASH_SOURCE[0]}")/../..}"

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] ||
  fail "the tag $tag is not v and a version" 'name the tag vMAJOR.MINOR.PATCH'
version=${tag#v}

# The first version in Cargo.toml is that of the workspace.
stated=$(sed -n '/^version = "\(.*\)"$/{s//\1/p;q}' Cargo.toml)
[ "$stated" = "$version" ] ||
  fail "the tag is $tag, but Cargo.toml has version $stated" 'set the version in Cargo.toml, or name the tag after it'
for package in genesys-rotator openbao-plugin simulators; do
  locked=$(grep -A1 -x "name = \"$package\"" Cargo.lock | sed -n 's/^version = "\(.*\)"$/\1/p')
  [ "$locked" = "$version" ] ||
    fail "Cargo.lock has version $locked of $package" 'run cargo check, and commit Cargo.lock'
done
grep -Eqx "## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}" CHANGELOG.md ||
  fail "CHANGELOG.md has no section $version with a date" "add the line \"## [$version] - YYYY-MM-DD\" above the changes"
unreleased=$(sed -n '/^## \[Unreleased\]$/,/^## \[[0-9]/{/^##* /d;/^$/d;p}' CHANGELOG.md)
[ -z "$unreleased" ] ||
  fail 'CHANGELOG.md has changes in the section Unreleased' "move them to the section $version"
echo "$version"
