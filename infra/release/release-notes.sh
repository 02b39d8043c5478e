#!/usr/bin/env bash
# Prints the notes of a release: the section of CHANGELOG.md, and how to verify the files.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: release-notes.sh VERSION, such as 0.1.0' >&2
  exit 2
fi
version=$1
cd "${RELEASE_SOURCES:-$(dirname "${BASH_SOURCE[0]}")/../..}"

notes=$(awk -v section="## [$version]" '
  index($0, "## [") == 1 { is_inside = index($0, section) == 1; next }
  is_inside' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || {
  printf 'error: CHANGELOG.md has no section %s\nhint: add it before the release\n' "$version" >&2
  exit 1
}
printf '%s\n\n' "$notes"
echo 'Verify the files before you install them: docs/packages.md describes it.'
